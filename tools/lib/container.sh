# shellcheck shell=bash
# The way of any other Linux: the `dev` target of the Dockerfile, with the checkout mounted at its own path.

readonly ca_inside=/etc/host-ca.pem
readonly proxy_variables='^(http|https|ftp|no|all|HTTP|HTTPS|FTP|NO|ALL)_(proxy|PROXY)$'
readonly passed_variables='^(CI|TERM|COLUMNS|LINES|COLORTERM|NO_COLOR|FORCE_COLOR|(TF|FASHION_MNIST)_.*)$'

# The host's own certificate file, where its environment names one.
host_ca() {
    local file
    for file in "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${PIP_CERT:-}" "${CURL_CA_BUNDLE:-}"; do
        if [[ -f $file ]]; then
            realpath -- "$file"
            return
        fi
    done
}

exported_names() {
    compgen -e | grep -E "$1" || true
}

# flags FLAG VALUE...: FLAG before each value, one a line.
flags() {
    local flag=$1 value
    shift
    for value in "$@"; do printf '%s\n%s\n' "$flag" "$value"; done
}

# build_image TARGET IMAGE [NAME=VALUE...]: builds a target of the Dockerfile on `base_image`; the rest are its arguments.
build_image() {
    local target=$1 image=$2 ca names arguments=()
    ca=$(host_ca)
    mapfile -t names < <(exported_names "$proxy_variables")
    mapfile -t arguments < <(flags --build-arg "BASE_IMAGE=$base_image" "${names[@]}" \
        "DEBIAN_SNAPSHOT=${DEBIAN_SNAPSHOT:-}" "${@:3}")
    if [[ -n $ca ]]; then arguments+=(--secret "id=ca,src=$ca"); fi
    if [[ ${engine[0]} == docker ]]; then arguments+=(--progress=plain); fi
    DOCKER_BUILDKIT=1 "${engine[@]}" build --network host --target "$target" --tag "$image" "${arguments[@]}" "$root"
}

make_image() {
    local image=$1 base_image
    if has_image "$image"; then return; fi
    say "making the project's container image with ${engine[0]} (first use only; 4 to 8 minutes)"
    choose_base_image
    logged "$cache_dir/image.log" build_image dev "$image" || exit 1
    say "the environment is ready ($SECONDS s)"
}

bind() {
    printf 'type=bind,source=%s,target=%s%s\n' "$1" "${2:-$1}" "${3:-}"
}

# A linked worktree keeps its history outside the checkout.
git_folder() {
    local folder
    if folder=$(git -C "$root" rev-parse --path-format=absolute --git-common-dir 2>/dev/null); then
        mount_for "$folder"
    fi
}

# run_mounts ARGUMENT...: the checkout, the data cache, and what the arguments name.
run_mounts() {
    local data_cache=${XDG_CACHE_HOME:-$HOME/.cache}/tfx-fashion-mnist path
    mkdir -p -- "$data_cache"
    { printf '%s\n' "$root" "$data_cache"; git_folder; argument_mounts "$@"; } | outermost \
        | while read -r path; do bind "$path"; done
}

ca_flags() {
    local ca
    ca=$(host_ca)
    if [[ -z $ca ]]; then return; fi
    flags --mount "$(bind "$ca" "$ca_inside" ,readonly)"
    flags --env {SSL_CERT_FILE,REQUESTS_CA_BUNDLE,PIP_CERT,CURL_CA_BUNDLE}="$ca_inside"
}

# common_flags: what every container of the project runs with.
common_flags() {
    local names
    mapfile -t names < <(exported_names "$proxy_variables|$passed_variables")
    # Labels are off since the checkout, the user's own folder, must not be relabelled on SELinux hosts.
    printf '%s\n' --rm --interactive --network=host --pull=never --security-opt=label=disable
    flags --env "${names[@]}"
    ca_flags
}

container_exec() {
    local image common mounts cache=${XDG_CACHE_HOME:-$HOME/.cache} tty=()
    choose_engine
    image=tfx-fashion-mnist-dev:$(environment_key dev)
    if ! has_image "$image"; then locked image make_image "$image"; fi
    if [[ -t 0 && -t 1 ]]; then tty=(--tty); fi
    mapfile -t common < <(common_flags)
    mapfile -t mounts < <(run_mounts "${@:2}" | while read -r bind; do flags --mount "$bind"; done)
    # Python keeps the checkout's bytecode beside it, and Matplotlib its list of fonts beside the data: the container is
    # gone after each command, and making both anew takes half a second.
    exec "${engine[@]}" run "${common[@]}" "${tty[@]}" "${engine_user[@]}" "${mounts[@]}" \
        --env "XDG_CACHE_HOME=$cache" --env "MPLCONFIGDIR=$cache/tfx-fashion-mnist/matplotlib" \
        --env PYTHONDONTWRITEBYTECODE= --workdir "$root" "$image" "$@"
}
