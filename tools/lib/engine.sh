# shellcheck shell=bash
# Which container engine runs here, and how it must be called.

# Set by choose_engine: the command with its global flags, and the flags that make the caller own what is written.
engine=()
engine_user=()

# podman-docker's `docker` is podman, and a docker client alone has no daemon.
docker_answers() {
    has docker && [[ $(docker --version 2>/dev/null) == Docker* ]] \
        && timeout --foreground 5 docker info --format '{{.SecurityOptions}}' 2>/dev/null
}

# podman_storage [FLAG...]: prints podman's storage driver where podman works.
podman_storage() {
    timeout --foreground 20 podman "$@" info --format '{{.Store.GraphDriverName}}' 2>/dev/null
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

# Prints the smaller of this process's hard limit and another number: what podman may hand on without privileges.
limit_at_most() {
    local hard
    hard=$(ulimit -H "-$1")
    if [[ $hard == unlimited ]] || ((hard > $2)); then hard=$2; fi
    printf '%s:%s' "$hard" "$hard"
}

# Prints a containers.conf for what podman's defaults cannot do on this host; nothing where they can.
podman_settings() {
    if is_root && ! may_raise_limits; then
        # The kernel counts every process of a user, inside and outside of containers: a low limit would let programs
        # here fail for what runs beside them. Podman lowers its own to the largest process id.
        printf '[containers]\ndefault_ulimits = ["nofile=%s", "nproc=%s"]\n' \
            "$(limit_at_most n 1048576)" "$(limit_at_most u "$(< /proc/sys/kernel/pid_max)")"
    fi
    if has_hybrid_cgroups; then
        printf '%s\n' '[engine]' 'runtime = "runc"'
    fi
}

adapt_podman() {
    local settings
    settings=$(podman_settings)
    if [[ -z $settings || -n ${CONTAINERS_CONF:-} ]]; then return; fi
    if [[ $settings == *runc* ]] && ! has runc; then require_packages 'podman needs runc on this host' runc; fi
    export CONTAINERS_CONF=$cache_dir/containers.conf
    if [[ $(cat -- "$CONTAINERS_CONF" 2>/dev/null) != "$settings" ]]; then
        make_cache_dir
        printf '%s\n' "$settings" >"$CONTAINERS_CONF.$$"
        mv -f -- "$CONTAINERS_CONF.$$" "$CONTAINERS_CONF"
    fi
}

use_podman() {
    local storage
    adapt_podman
    storage=$(podman_storage) || return 1
    engine=(podman)
    if [[ $storage == vfs ]] && ! is_root; then avoid_vfs; fi
}

# Some hosts leave users without root at `vfs`, which copies the whole image for every layer and for every run.
# Where overlays work all the same, the project's images are kept in a store of their own that has them.
avoid_vfs() {
    local store=(--root "${XDG_DATA_HOME:-$HOME/.local/share}/containers/tfx-fashion-mnist" --storage-driver overlay)
    if [[ $(podman_storage "${store[@]}") == overlay ]]; then engine+=("${store[@]}"); fi
}

# Rootless engines map the container's root to the caller, so only a daemon of root's needs to be told the user.
use_docker() {
    engine=(docker)
    if [[ $1 != *rootless* ]]; then engine_user=(--user "$(id -u):$(id -g)"); fi
}

# step_processes PROCESS: prints what podman's builds below a process run now. Podman starts it by a runtime of its own.
step_processes() {
    local child children
    read -r -a children < <(cat "/proc/$1"/task/*/children 2>/dev/null) || true
    for child in "${children[@]}"; do
        if [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$child/cmdline") == buildah-*-runtime* ]]; then
            cat "/proc/$child"/task/*/children 2>/dev/null || true
        else
            step_processes "$child"
        fi
    done
}

# end_build GROUP: ends a build. Podman that is interrupted leaves the step's process and gigabytes of working containers;
# one whose step fails removes both. A layer that it writes just now is finished first, and is not made anew next time.
end_build() {
    local deadline=$((SECONDS + 180))
    if [[ ${engine[0]} != podman ]]; then
        end_group "$1"
        return
    fi
    while kill -0 -- "-$1" 2>/dev/null && ((SECONDS < deadline)); do
        step_processes "$1" | xargs -r kill -KILL 2>/dev/null || true
        sleep 0.2
    done
    end_group "$1"
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
