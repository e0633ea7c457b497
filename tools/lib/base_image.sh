# shellcheck shell=bash
# The image to build on: Debian's own where a registry can be reached, else one made from the Debian mirror.

readonly debian_suite=trixie
readonly home_made_image=tfx-fashion-mnist-base:trixie-slim

# Debian's image as the Dockerfile pins it, by digest.
pinned_debian() {
    sed -n 's/^ARG BASE_IMAGE=//p' "$root/Dockerfile"
}

has_image() {
    "${engine[@]}" image inspect "$1" >/dev/null 2>&1
}

# registry_answers IMAGE: the manifest is small, so this is known in seconds.
registry_answers() {
    timeout --foreground 15 "${engine[@]}" manifest inspect "${1%@*}" >/dev/null 2>&1 </dev/null
}

debian_root() {
    local excluded
    # As Debian's own slim image does.
    mapfile -t excluded < <(printf -- '--dpkgopt=path-exclude=/usr/share/%s/*\n' doc info lintian locale man)
    mmdebstrap --quiet --architectures=amd64 --variant=minbase "${excluded[@]}" "--dpkgopt=path-include=/usr/share/doc/*/copyright" \
        "$debian_suite" - ${FASHION_MNIST_DEBIAN_MIRROR:+"$FASHION_MNIST_DEBIAN_MIRROR"}
}

# By way of a file: an engine takes the half of an interrupted stream for a whole image. Runs in a subshell, by `logged`.
import_debian() {
    local archive=$cache_dir/base-image.tar
    # shellcheck disable=SC2064
    trap "rm -f -- ${archive@Q}" EXIT
    echo '== making a Debian base image from the Debian mirror'
    debian_root >"$archive" && "${engine[@]}" import "$archive" "$home_made_image"
}

require_mmdebstrap() {
    if has mmdebstrap; then return; fi
    require_packages 'no image registry answers, so a Debian base image must be made' \
        mmdebstrap debian-archive-keyring
}

make_base_image() {
    require_mmdebstrap
    logged "$cache_dir/base-image.log" import_debian
}

# Sets `base_image`.
choose_base_image() {
    local pinned
    pinned=$(pinned_debian)
    base_image=$pinned
    if has_image "$pinned"; then return; fi
    base_image=$home_made_image
    if has_image "$home_made_image"; then return; fi
    if registry_answers "$pinned"; then
        base_image=$pinned
    else
        make_base_image || exit 1
    fi
}
