# shellcheck shell=bash
# Which container engine runs here, and how it must be called.

# Sets `engine` (the command) and `engine_user` (flags that make the caller own what is written).
engine=
engine_user=()

# podman-docker's `docker` is podman, and a docker client alone has no daemon.
docker_answers() {
    has docker && [[ $(docker --version 2>/dev/null) == Docker* ]] \
        && timeout 5 docker info --format '{{.SecurityOptions}}' 2>/dev/null
}

# Prints podman's storage driver where podman works.
podman_storage() {
    timeout 20 podman info --format '{{.Store.GraphDriverName}}' 2>/dev/null
}

# Root's podman sets high resource limits, trusting in CAP_SYS_RESOURCE (bit 24), which some virtual machines withhold.
may_raise_limits() {
    local effective
    effective=$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
    (((16#$effective >> 24) & 1))
}

# crun, podman's usual runtime, refuses hosts that mount both versions of cgroups with controllers in each.
has_hybrid_cgroups() {
    [[ -d /sys/fs/cgroup/unified ]]
}

# Prints a containers.conf for what podman's defaults cannot do on this host; nothing where they can.
podman_settings() {
    if is_root && ! may_raise_limits; then
        printf '%s\n' '[containers]' 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]'
    fi
    if has_hybrid_cgroups; then
        printf '%s\n' '[engine]' 'runtime = "runc"'
    fi
}

# generated NAME TEXT: prints the path of a generated file of that content, written whole or not at all.
generated() {
    local file=$cache_dir/$1
    if [[ $(cat -- "$file" 2>/dev/null) != "$2" ]]; then
        mkdir -p -- "$cache_dir"
        printf '%s\n' "$2" >"$file.$$"
        mv -f -- "$file.$$" "$file"
    fi
    printf '%s\n' "$file"
}

adapt_podman() {
    local settings
    settings=$(podman_settings)
    if [[ -z $settings || -n ${CONTAINERS_CONF:-} ]]; then return; fi
    if [[ $settings == *runc* ]] && ! has runc; then require_packages 'podman needs runc on this host' runc; fi
    CONTAINERS_CONF=$(generated containers.conf "$settings")
    export CONTAINERS_CONF
}

# Some distributions leave users without root at `vfs`, which copies the whole image for every layer and every run:
# where overlays work, the project's images are kept in a store of their own that has them.
overlay_settings() {
    printf '%s\n' '[storage]' 'driver = "overlay"' \
        "graphroot = \"${XDG_DATA_HOME:-$HOME/.local/share}/containers/tfx-fashion-mnist\"" \
        "runroot = \"${XDG_RUNTIME_DIR:-/tmp}/tfx-fashion-mnist-$(id -u)\""
}

avoid_vfs() {
    if is_root || [[ -n ${CONTAINERS_STORAGE_CONF:-} ]]; then return; fi
    CONTAINERS_STORAGE_CONF=$(generated storage.conf "$(overlay_settings)")
    export CONTAINERS_STORAGE_CONF
    if [[ $(podman_storage) != overlay ]]; then unset CONTAINERS_STORAGE_CONF; fi
}

use_podman() {
    local storage
    adapt_podman
    storage=$(podman_storage) || return 1
    engine=podman
    if [[ $storage == vfs ]]; then avoid_vfs; fi
}

# Rootless engines map the container's root to the caller, so only a daemon of root's needs to be told the user.
use_docker() {
    engine=docker
    if [[ $1 != *rootless* ]]; then engine_user=(--user "$(id -u):$(id -g)"); fi
}

# detect_engine: sets `engine`, or returns 1.
detect_engine() {
    local security
    if security=$(docker_answers); then
        use_docker "$security"
    else
        has podman && use_podman
    fi
}

choose_engine() {
    if detect_engine; then return; fi
    if has podman; then die "podman does not work here; 'podman info' says why"; fi
    require_packages 'a container engine is needed on this host, docker or podman' podman runc
    detect_engine || die "podman was installed but does not work; 'podman info' says why"
}
