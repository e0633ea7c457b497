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

podman_answers() {
    has podman && timeout 20 podman info >/dev/null 2>&1
}

# Root may raise resource limits by CAP_SYS_RESOURCE (bit 24); engines take that for granted.
may_raise_limits() {
    local effective
    effective=$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
    (((16#$effective >> 24) & 1))
}

# Without that right, containers start only with limits below the caller's own and in the host's network.
podman_settings() {
    printf '%s\n' \
        '[containers]' 'netns = "host"' 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]' \
        '[engine]' 'runtime = "runc"'
}

adapt_podman() {
    if ! is_root || may_raise_limits || [[ -n ${CONTAINERS_CONF:-} ]]; then return; fi
    has runc || require_packages 'podman needs runc here' runc
    export CONTAINERS_CONF=$cache_dir/containers.conf
    if [[ ! -s $CONTAINERS_CONF ]]; then
        mkdir -p -- "$cache_dir"
        podman_settings >"$CONTAINERS_CONF.$$"
        mv -- "$CONTAINERS_CONF.$$" "$CONTAINERS_CONF"
    fi
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
    elif has podman && adapt_podman && podman_answers; then
        engine=podman
    else
        return 1
    fi
}

choose_engine() {
    if detect_engine; then return; fi
    if has podman; then die "podman does not work here; 'podman info' says why"; fi
    require_packages 'a container engine is needed on this host, docker or podman' podman runc
    detect_engine || die "podman was installed but does not work; 'podman info' says why"
}
