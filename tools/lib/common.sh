# shellcheck shell=bash
# What every part of tools/env uses: messages, version order, the environment's key, the lock. Needs $root.

cache_dir=$root/.env-cache

# cron and systemd set no HOME: the one of the user database then.
if [[ -z ${HOME:-} ]]; then
    unset HOME
    HOME=~
    export HOME
fi

say() {
    printf 'tools/env: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# Folders and flags are passed on as lines.
check_root() {
    if [[ $root == *$'\n'* ]]; then die "the checkout's path has a line break, which no tool here takes: rename its folder"; fi
}

# The cache and the locks are in the checkout.
make_cache_dir() {
    if mkdir -p -- "$cache_dir" 2>/dev/null && [[ -w $cache_dir ]]; then return; fi
    die "$cache_dir cannot be written by $(id -un): clone the repository into a folder of yours, or make it writable"
}

# version_at_least 2.41 2.38: whether the first version is not older than the second.
version_at_least() {
    [[ -n $1 && $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

is_root() {
    [[ $(id -u) -eq 0 ]]
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# The parts of pyproject.toml that say what is installed; settings of linters and tests must not rebuild anything.
package_settings() {
    awk '/^\[/ { keep = /^\[(build-system|project|dependency-groups|tool\.uv)/ } keep' "$root/pyproject.toml"
}

# environment_key WORD...: a short hash of what the environment is made from, and of the words.
environment_key() {
    { package_settings; cat -- "$root"/uv.lock "$root"/Dockerfile "$root"/tools/docker/*-packages \
        "$root"/tools/docker/{sbom,trim}.py; printf '%s\n' "$@"; } | sha256sum | cut -c 1-12
}

# locked NAME COMMAND...: runs COMMAND (a function) while no other process holds the lock NAME.
locked() {
    local name=$1 status=0
    shift
    make_cache_dir
    exec 9>"$cache_dir/$name.lock"
    flock 9
    # Children that stay alive must not inherit the lock.
    "$@" 9>&- || status=$?
    exec 9>&-
    return "$status"
}

# A signal ends this shell when the command that it waits for has ended; without a trap, bash goes on where that command
# returns as if nothing had happened, which podman does.
end_on_signals() {
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# How what runs under `logged` is ended: a function that is given the number of its process group.
ending=end_group

end_group() {
    kill -INT -- "-$1" 2>/dev/null || return 0
    if ! group_ends "$1" 600; then kill -KILL -- "-$1" 2>/dev/null || true; fi
}

# group_ends GROUP TENTHS: whether no process of the group is left after so many tenths of a second.
group_ends() {
    local tenth
    for ((tenth = 0; tenth < $2; tenth++)); do
        if ! kill -0 -- "-$1" 2>/dev/null; then return; fi
        sleep 0.1
    done
    return 1
}

interrupted() {
    trap '' INT TERM HUP
    say "interrupted: ending what is under way; a layer that is being written takes some seconds more"
    "$ending" "$2"
    exit "$1"
}

# with_mark COMMAND...: ends its output with the exit status. Who does not find the line knows that it was cut off.
with_mark() {
    local status=0
    "$@" 2>&1 </dev/null || status=$?
    printf 'exit status %s\n' "$status"
}

# logged LOG COMMAND...: sends the command's noise to LOG, shows its '== ' lines, names LOG on failure. An interrupt of
# the terminal reaches this shell alone, so that the command is ended in its own way.
logged() {
    local log=$1 status=1 group
    shift
    if [[ $log == "$cache_dir"/* ]]; then make_cache_dir; fi
    set -m
    with_mark "$@" | tee -- "$log" | sed -nu -E 's/^(#[0-9]+ [0-9.]+ )?== /tools\/env:   /p' >&2 &
    set +m
    group=$(jobs -p %%)
    # shellcheck disable=SC2064
    {
        trap "interrupted 130 $group" INT
        trap "interrupted 143 $group" TERM
        trap "interrupted 129 $group" HUP
    }
    wait $! || true
    end_on_signals
    if [[ $(tail -n 1 -- "$log") =~ ^'exit status '([0-9]+)$ ]]; then status=${BASH_REMATCH[1]}; fi
    if ((status)); then
        tail -n 12 -- "$log" >&2
        say "that failed; the whole log is $log"
    fi
    return "$status"
}
