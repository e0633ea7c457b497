# shellcheck shell=bash
# What every part of tools/env uses: messages, version order, the environment's key, the lock. Needs $root.

cache_dir=$root/.env-cache

say() {
    printf 'tools/env: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
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
    local name=$1
    shift
    mkdir -p -- "$cache_dir"
    (
        flock 9
        # Children that stay alive must not inherit the lock.
        "$@" 9>&-
    ) 9>"$cache_dir/$name.lock"
}

# logged LOG COMMAND...: sends the command's noise to LOG, shows its '== ' lines, names LOG on failure.
logged() {
    local log=$1 status=0
    shift
    mkdir -p -- "$(dirname -- "$log")"
    { "$@" 2>&1 </dev/null || printf 'exit status %s\n' "$?"; } | tee -- "$log" \
        | sed -nu -E 's/^(#[0-9]+ [0-9.]+ )?== /tools\/env:   /p' >&2
    if [[ $(tail -n 1 -- "$log") =~ ^'exit status '([0-9]+)$ ]]; then
        status=${BASH_REMATCH[1]}
        tail -n 12 -- "$log" >&2
        say "that failed; the whole log is $log"
    fi
    return "$status"
}
