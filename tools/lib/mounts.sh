# shellcheck shell=bash
# Which folders outside the checkout a command's arguments name, so that the container sees them at the same path.

# Folders that belong to the container, whatever they hold on the host.
readonly container_owned='^/(bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|sbin|sys|usr|app|opt/venv|opt/uv|opt/project|var/lib/(apt|dpkg)|var/cache/apt)(/|$)'
# Folders that must not be mounted whole, while folders in them may.
readonly never_whole='^(/|/opt|/var|/var/lib|/var/cache|/run|/home)$'

# path_in ARGUMENT: the path it names: /a, ../a, --flag=/a or --flag=../a; nothing for other arguments.
path_in() {
    local value=$1
    if [[ $value == -*=* ]]; then value=${value#*=}; fi
    case "$value" in
        /*) realpath -ms -- "$value" ;;
        .. | ../*) realpath -ms -- "$root/$value" ;;
    esac
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
    if [[ $folder =~ $never_whole ]]; then folder=$1; fi
    printf '%s\n' "$folder"
}

# mount_for PATH: what to mount so that PATH is the host's; nothing where it is visible already or never can be.
mount_for() {
    local path=$1 part
    if is_inside "$path" "$root" || [[ $path =~ $container_owned ]]; then return; fi
    part=$(folder_of "$(existing_part "$path")")
    if [[ $part =~ $never_whole ]]; then
        if [[ $path != "$part" ]]; then
            say "warning: $path does not exist here and will not outlive the command; make the folder first"
        fi
    else
        printf '%s\n' "$part"
    fi
}

# Reads paths, one a line; prints them without duplicates and without those inside another.
outermost() {
    local path last=
    sort -u | while read -r path; do
        if [[ -n $last ]] && is_inside "$path" "$last"; then continue; fi
        last=$path
        printf '%s\n' "$path"
    done
}

# argument_mounts ARGUMENT...: the folders and files to mount, one a line.
argument_mounts() {
    local argument path
    for argument in "$@"; do
        path=$(path_in "$argument")
        if [[ -n $path ]]; then mount_for "$path"; fi
    done
}
