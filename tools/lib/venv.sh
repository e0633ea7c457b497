# shellcheck shell=bash
# The way of a new enough host: .venv, filled by uv from uv.lock.

readonly oldest_uv=0.13
venv=$root/.venv

python_has_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

python_has_headers() {
    "$1" -c 'import os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h")).close()' 2>/dev/null
}

# system_package PYTHON venv|headers|compiler: what the distribution calls it.
system_package() {
    local name
    name=$(basename -- "$1")
    case "$2:$(is_debian_like && printf debian)" in
        venv:debian) printf '%s-venv' "$name" ;;
        headers:debian) printf '%s-dev' "$name" ;;
        compiler:debian) printf 'g++' ;;
        venv:*) printf '%s' "$name" ;;
        headers:*) printf '%s-devel' "$name" ;;
        compiler:*) printf 'gcc-c++' ;;
    esac
}

# Prints, one a line, the packages that .venv needs and the system lacks. pyfarmhash is published as source only.
missing_packages() {
    local python
    if ! python=$(choose_python); then
        python=$(python_package)
        printf '%s\n' "$python" "$(system_package "$python" venv)" "$(system_package "$python" headers)"
    else
        python_has_venv "$python" || printf '%s\n' "$(system_package "$python" venv)"
        python_has_headers "$python" || printf '%s\n' "$(system_package "$python" headers)"
    fi
    has g++ || has c++ || printf '%s\n' "$(system_package "${python:-python3}" compiler)"
}

require_system() {
    local missing
    mapfile -t missing < <(missing_packages | sort -u)
    if ((${#missing[@]})); then
        require_packages "the Python environment needs ${missing[*]} from the system" "${missing[@]}"
    fi
}

# Prints, one a line, what the tests start beside Python: a Git server behind an SSH server on loopback, a browser, and
# Flink, which Maven gets.
missing_test_packages() {
    has git || printf 'git\n'
    if ! has ssh; then if is_debian_like; then printf 'openssh-client\n'; else printf 'openssh-clients\n'; fi; fi
    has sshd || [[ -x /usr/sbin/sshd ]] || printf 'openssh-server\n'
    if ! has java || ! has mvn; then printf 'maven\n'; fi
    has_browser || [[ $(os_field ID) != debian ]] || printf 'chromium\nfonts-dejavu-core\n'
}

# Ubuntu has Chromium as a snap only, which no container runs: there the test that needs it says so.
has_browser() {
    has chromium || has chromium-browser || has google-chrome
}

# A package with a server starts it for everyone where an init system runs: there it is the user's to install.
may_install_servers() {
    is_root && is_debian_like && [[ ! -d /run/systemd/system ]]
}

# Installs what the tests need in a container; elsewhere, names it, and the tests that need it are skipped.
require_for_tests() {
    local missing
    mapfile -t missing < <(missing_test_packages)
    if ((${#missing[@]} == 0)); then return; fi
    if may_install_servers; then
        require_packages "the tests need ${missing[*]} from the system" "${missing[@]}"
    else
        say "tests that need ${missing[*]} are skipped; install with: $(install_command "${missing[@]}")"
    fi
}

# Prints the uv to use: the host's where it is new enough, else one of the project's own, from PyPI.
choose_uv() {
    if has uv && version_at_least "$(uv --version 2>/dev/null | awk '{ print $2 }')" "$oldest_uv"; then
        command -v uv
    else
        printf '%s\n' "$cache_dir/uv/bin/uv"
    fi
}

# The same version as in the image.
pinned_uv() {
    grep -oE 'uv==[0-9.]+' "$root/Dockerfile"
}

sync_venv() {
    local python=$1 uv=$2
    if [[ $uv == "$cache_dir"/* && ! -x $uv ]]; then
        echo '== installing uv'
        "$python" -m venv --clear "$cache_dir/uv" && "$cache_dir/uv/bin/pip" install -q "$(pinned_uv)" || return 1
    fi
    echo '== installing the locked packages (about 0.9 GB to download)'
    env -u VIRTUAL_ENV UV_PYTHON="$python" UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT="$venv" \
        "$uv" sync --project "$root" --frozen
}

venv_is_current() {
    [[ $(cat -- "$venv/.made-from" 2>/dev/null) == "$1" ]]
}

# The checkout's path is part of the key, since scripts of a virtual environment hold it.
venv_key() {
    environment_key "$root" "$("$1" -c 'import sys; print(sys.executable, sys.version)')"
}

make_venv() {
    local python=$1 key=$2
    if venv_is_current "$key"; then return; fi
    say "making .venv (first use only; 2 to 5 minutes)"
    rm -f -- "$venv/.made-from"
    logged "$cache_dir/venv.log" sync_venv "$python" "$(choose_uv)" || exit 1
    printf '%s\n' "$key" >"$venv/.made-from"
    say "the environment is ready ($SECONDS s)"
}

venv_exec() {
    local python key uv
    require_system
    if [[ ${1:-} == pytest ]]; then require_for_tests; fi
    python=$(choose_python) || die "no Python of 3.11 to 3.13 was found"
    key=$(venv_key "$python")
    if ! venv_is_current "$key"; then locked venv make_venv "$python" "$key"; fi
    uv=$(choose_uv)
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH:${uv%/*}
    exec "$@"
}
