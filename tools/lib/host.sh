# shellcheck shell=bash
# What the host is and has: C library, Python, distribution, system packages; and which way follows from it.

readonly oldest_glibc=2.38
os_release=${os_release:-/etc/os-release}
binfmt=${binfmt:-/proc/sys/fs/binfmt_misc}

glibc_version() {
    getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }'
}

is_x86_64() {
    [[ $(uname -m) == x86_64 ]]
}

# Whether the kernel hands programs for x86-64 to an emulator.
emulates_x86_64() {
    compgen -G "$binfmt/qemu-x86_64*" >/dev/null || [[ -e $binfmt/rosetta ]]
}

# TFX and its libraries have packages for one processor.
require_x86_64() {
    if is_x86_64; then return; fi
    if ! emulates_x86_64; then
        die "this processor is $(uname -m), and TFX has packages for x86_64 only: install an emulator and a container" \
            "works, slowly: $(install_command qemu-user-static binfmt-support)"
    fi
}

wheels_load_here() {
    [[ $(uname -s) == Linux ]] && is_x86_64 && version_at_least "$(glibc_version)" "$oldest_glibc"
}

python_is_suitable() {
    has "$1" && "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Prints the first interpreter that the locked packages support.
choose_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if python_is_suitable "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

# os_field ID: one field of os-release.
os_field() {
    # shellcheck source=/dev/null
    (source "$os_release" 2>/dev/null && printf '%s' "${!1:-}")
}

is_debian_like() {
    [[ " $(os_field ID) $(os_field ID_LIKE) " =~ ' '(debian|ubuntu)' ' ]] && has apt-get
}

# The package of a suitable Python where the host has none yet, for distributions that are known to have one.
python_package() {
    case "$(os_field ID):$(os_field VERSION_ID)" in
        debian:13 | ubuntu:24.04 | ubuntu:24.10 | ubuntu:25.04 | ubuntu:25.10) printf 'python3' ;;
        fedora:*) printf 'python3.13' ;;
        *) return 1 ;;
    esac
}

choose_way() {
    if [[ ${FASHION_MNIST_ENV:-} == image ]]; then
        printf 'image\n'
    elif wheels_load_here && { choose_python || python_package; } >/dev/null; then
        printf 'venv\n'
    else
        printf 'container\n'
    fi
}

# install_command PACKAGE...: the one command that installs them here.
install_command() {
    local sudo='sudo '
    if is_root; then sudo=''; fi
    if is_debian_like; then
        printf '%sapt-get update && %sapt-get install -y %s' "$sudo" "$sudo" "$*"
    elif has dnf; then
        printf '%sdnf install -y %s' "$sudo" "$*"
    else
        printf "your distribution's package manager, for: %s" "$*"
    fi
}

# Java's packages link to manual pages in a folder that slim images have not.
apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p /usr/share/man/man1
    apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
}

# require_packages WHY PACKAGE...: installs them as root on Debian or Ubuntu, saying so; names the command elsewhere.
require_packages() {
    local why=$1
    shift
    if is_root && is_debian_like; then
        say "$why; installing with apt-get: $*"
        logged "$cache_dir/apt.log" apt_install "$@" || exit 1
    else
        die "$why; install it with: $(install_command "$@")"
    fi
}
