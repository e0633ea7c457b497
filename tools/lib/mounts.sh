# shellcheck shell=bash
# Which folders outside the checkout a command's arguments name, so that the container sees them at the same path. What is
# missed here is not lost without a word: the runners refuse a location that is not among the mounted folders.

# Folders that belong to the container, whatever they hold on the host.
readonly container_owned='^/(bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|sbin|sys|usr|app|opt/venv|opt/uv|opt/project|var/lib/(apt|dpkg)|var/cache/apt)(/|$)'
# Folders in them that hold data, such as Debian's own data sets.
readonly data_of_system='^/usr/(local/)?share/.'
# Folders that must not be mounted whole, while folders in them may.
readonly never_whole='^(/|/opt|/var|/var/lib|/var/cache|/run|/home)$'
# How many folders deep links are looked for.
readonly links_depth=6

# paths_in ARGUMENT: the paths that it may name, one a line: of /a, ~/a, ../a, a, --flag=/a, --set and section.key=/a.
paths_in() {
    local value last=
    for value in "$1" "${1#*=}" "${1#*=*=}"; do
        if [[ $value == "$last" ]]; then continue; fi
        last=$value
        case "$value" in
            '' | -* | *$'\n'* | *://*) ;;
            \~ | \~/*) realpath -ms -- "$HOME${value#\~}" ;;
            /*) realpath -ms -- "$value" ;;
            *) realpath -ms -- "$root/$value" ;;
        esac 2>/dev/null || true
    done
}

# first_link PATH: prints the first part of it that is a link, from the root on; nothing where none is.
first_link() {
    local part='' rest=${1#/}
    while [[ -n $rest ]]; do
        part+=/${rest%%/*}
        if [[ -L $part ]]; then
            printf '%s\n' "$part"
            return
        fi
        if [[ $rest != */* ]]; then return; fi
        rest=${rest#*/}
    done
}

# hops PATH: the path, and what it becomes link by link, one a line.
hops() {
    local path=$1 link target hop
    for ((hop = 0; hop < 40; hop++)); do
        printf '%s\n' "$path"
        link=$(first_link "$path")
        if [[ -z $link ]]; then return; fi
        target=$(readlink -- "$link")
        if [[ $target != /* ]]; then target=${link%/*}/$target; fi
        path=$(realpath -ms -- "$target${path#"$link"}")
    done
}

# existing_part PATH: the path, or its nearest ancestor that exists.
existing_part() {
    local path=$1
    until [[ -e $path ]]; do path=$(dirname -- "$path"); done
    printf '%s\n' "$path"
}

is_inside() {
    [[ $1 == "$2" || $1 == "$2"/* ]]
}

# A file's folder is mounted rather than the file, which could not be replaced.
folder_of() {
    local folder=$1
    if [[ ! -d $folder ]]; then folder=$(dirname -- "$folder"); fi
    if ! may_be_mounted "$folder"; then folder=$1; fi
    printf '%s\n' "$folder"
}

may_be_mounted() {
    [[ ! $1 =~ $never_whole ]] && [[ ! $1 =~ $container_owned || $1 =~ $data_of_system ]]
}

# mount_for PATH: what to mount so that PATH is the host's; nothing where it is visible already or never can be.
mount_for() {
    local path=$1 part
    if is_inside "$path" "$root" || ! may_be_mounted "$path"; then return; fi
    part=$(folder_of "$(existing_part "$path")")
    if may_be_mounted "$part" && [[ -r $part ]]; then printf '%s\n' "$part"; fi
}

# hop_mounts: the same for each path that is read, and for what it becomes link by link.
hop_mounts() {
    local path hop
    while read -r path; do
        hops "$path" | while read -r hop; do mount_for "$hop"; done
    done
}

# links_in FOLDER: the links in it, one a line; of those to files one for each folder that they lead through and to, since
# a data set of links has as many as images, and following one takes milliseconds.
links_in() {
    local links=()
    mapfile -t links < <(find "$1" -maxdepth "$links_depth" '(' -name .git -o -name .venv -o -name .env-cache ')' -prune \
        -o -type l ! -xtype d -print 2>/dev/null)
    find "$1" -maxdepth "$links_depth" '(' -name .git -o -name .venv -o -name .env-cache ')' -prune \
        -o -type l -xtype d -print 2>/dev/null
    if [[ ${#links[@]} == 0 ]]; then return; fi
    paste -d $'\001' <(printf '%s\n' "${links[@]}") <(printf '%s\0' "${links[@]}" | xargs -0 readlink --) \
        <(printf '%s\0' "${links[@]}" | xargs -0 realpath -m --) | awk -F $'\001' '
        function folder_of(path) { sub("[^/]*$", "", path); return path }
        { key = ($2 ~ "^/" ? "" : folder_of($1)) folder_of($2) FS folder_of($3); if (!(key in seen)) print $1; seen[key] = 1 }'
}

# link_mounts PATH: what to mount for a path that may be a link, hold links, or lead through some.
link_mounts() {
    local path
    hop_mounts <<<"$1"
    path=$(realpath -m -- "$1")
    if [[ -d $path ]] && ! is_inside "$root" "$path" && may_be_mounted "$path"; then links_in "$path" | hop_mounts; fi
}

# What links in the checkout lead to: output, data, or a model's file may be kept elsewhere.
checkout_mounts() {
    links_in "$root" | hop_mounts
}

# Reads paths, one a line; prints them without duplicates and without those inside another.
outermost() {
    local path last=
    LC_ALL=C sort -u | while read -r path; do
        if [[ -n $last ]] && is_inside "$path" "$last"; then continue; fi
        last=$path
        printf '%s\n' "$path"
    done
}

# texts_in FILE: the texts in quotes of a TOML file, one a line.
texts_in() {
    grep -oE "\"[^\"]*\"|'[^']*'" -- "$1" 2>/dev/null | sed -E 's/^.(.*).$/\1/' || true
}

# argument_mounts ARGUMENT...: the folders and files to mount, one a line.
argument_mounts() {
    local argument path text texts words
    for argument in "$@"; do
        # Options of another program, as --beam-args takes them.
        if [[ $argument =~ ^(--beam-args=.*|--[a-z_]+|--.*\ -.*)[[:space:]] ]]; then
            read -ra words <<<"$argument"
            argument_mounts "${words[@]}"
        fi
        while read -r path; do
            link_mounts "$path"
            if [[ $path != *.toml || ! -f $path ]]; then continue; fi
            mapfile -t texts < <(texts_in "$path")
            for text in "${texts[@]}"; do
                paths_in "$text" | while read -r path; do link_mounts "$path"; done
            done
        done < <(paths_in "$argument")
    done
}
