# shellcheck shell=bash
# The way of any other Linux: the `dev` target of the Dockerfile, with the checkout mounted at its own path.

# The only platform that TFX has packages for.
readonly platform=linux/amd64
readonly ca_inside=/etc/host-ca.pem
readonly proxy_variables='^(http|https|ftp|no|all|HTTP|HTTPS|FTP|NO|ALL)_(proxy|PROXY)$'
readonly passed_variables='^(CI|TERM|COLUMNS|LINES|COLORTERM|NO_COLOR|FORCE_COLOR|(TF|FASHION_MNIST|FLINK|KFP|KF|MINIO|AWS)_.*)$'

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
    DOCKER_BUILDKIT=1 "${engine[@]}" build --network host --platform "$platform" --target "$target" --tag "$image" "${arguments[@]}" "$root"
}

make_image() {
    local image=$1 base_image
    if has_image "$image"; then return; fi
    say "making the project's container image with ${engine[0]} (first use only; 4 to 8 minutes)"
    choose_base_image
    ending=end_build
    logged "$cache_dir/image.log" build_image dev "$image" || exit 1
    has_image "$image" || die "the image was not made; the whole log is $cache_dir/image.log"
    say "the environment is ready ($SECONDS s)"
}

# Engines read a mount as a line of comma-separated values.
csv() {
    if [[ $1 == *[,\"]* ]]; then printf '"%s"' "${1//\"/\"\"}"; else printf '%s' "$1"; fi
}

bind() {
    printf 'type=bind,%s,%s%s\n' "$(csv "source=$1")" "$(csv "target=${2:-$1}")" "${3:-}"
}

# A linked worktree keeps its history outside the checkout.
git_folder() {
    local folder
    if folder=$(git -C "$root" rev-parse --path-format=absolute --git-common-dir 2>/dev/null); then
        mount_for "$folder"
    fi
}

# Prints where the data cache is, on the host and in the container.
data_cache() {
    local cache
    cache=$(realpath -ms -- "${XDG_CACHE_HOME:-$HOME/.cache}")
    printf '%s/tfx-fashion-mnist\n' "$cache"
}

# make_data_cache FOLDER
make_data_cache() {
    if mkdir -p -- "$1" 2>/dev/null && [[ -w $1 && $1 != *$'\n'* ]]; then return; fi
    die "$1, the folder for the data, cannot be made or written: name another with XDG_CACHE_HOME=FOLDER"
}

# visible_folders DATA_CACHE ARGUMENT...: the checkout, the data cache, and what the arguments and KFP_CA_CERT name, one a
# line.
visible_folders() {
    { printf '%s\n' "$root" "$1"; git_folder; checkout_mounts; argument_mounts "${@:2}" "${KFP_CA_CERT:-}"; } | outermost
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
    printf '%s\n' --rm --interactive --network=host --pull=never --platform="$platform" --security-opt=label=disable
    flags --env "${names[@]}"
    ca_flags
}

# host_facts FOLDER...: what programs in the container cannot see for themselves: which folders are the host's, and so are
# there afterwards, what ~ means there, and which process a person finds there.
host_facts() {
    printf '%s\0' --env "FASHION_MNIST_HOST_FOLDERS=$(printf '%s\n' "$@")" --env "FASHION_MNIST_HOST_HOME=$HOME" \
        --env "FASHION_MNIST_HOST_PID=$$"
}

container_exec() {
    local image common mounts folders facts cache tty=()
    cache=$(data_cache)
    make_data_cache "$cache"
    choose_engine
    image=tfx-fashion-mnist-dev:$(environment_key dev)
    if ! has_image "$image"; then locked image make_image "$image"; fi
    if [[ -t 0 && -t 1 ]]; then tty=(--tty); fi
    mapfile -t common < <(common_flags)
    mapfile -t folders < <(visible_folders "$cache" "${@:2}")
    mapfile -t mounts < <(for folder in "${folders[@]}"; do flags --mount "$(bind "$folder")"; done)
    mapfile -t -d '' facts < <(host_facts "${folders[@]}")
    # Python keeps the checkout's bytecode beside it, and Matplotlib its list of fonts beside the data: the container is
    # gone after each command, and making both anew takes half a second.
    exec "${engine[@]}" run "${common[@]}" "${tty[@]}" "${engine_user[@]}" "${mounts[@]}" "${facts[@]}" \
        --env "XDG_CACHE_HOME=${cache%/*}" --env "MPLCONFIGDIR=$cache/matplotlib" \
        --env PYTHONDONTWRITEBYTECODE= --workdir "$root" "$image" "$@"
}
