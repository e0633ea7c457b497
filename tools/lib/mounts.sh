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

# mount_for PATH: what to mount so that PATH is the host's; nothing where it is visible already or never can be.
mount_for() {
    local path=$1 part
    if is_inside "$path" "$root" || [[ $path =~ $container_owned ]]; then return; fi
    part=$(existing_part "$path")
    if [[ $part =~ $never_whole ]]; then
        if [[ $path != "$part" ]]; then
            say "warning: $path does not exist here and will not outlive the command; make the folder first"
        fi
    else
        printf '%s\n' "$part"
    fi
}

# argument_mounts ARGUMENT...: the folders and files to mount, one a line, without duplicates.
argument_mounts() {
    local argument path
    for argument in "$@"; do
        path=$(path_in "$argument")
        if [[ -n $path ]]; then mount_for "$path"; fi
    done | sort -u
}
