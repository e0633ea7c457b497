# shellcheck shell=bash
# What tools/image does: builds the targets for production, proves them, tells what is in them, pushes them.

# Where Kubeflow mounts an empty folder into each step.
readonly kubeflow_folders='/kfp-launcher /gcs /s3 /minio /.local /.cache /.config'

project_version() {
    sed -n 's/^version = "\(.*\)"/\1/p' "$root/pyproject.toml" | head -n 1
}

# The data set that the pipeline is for, which names the image.
dataset_name() {
    sed -n 's/^ *name="\([a-z0-9-]*\)".*/\1/p' "$root/modules/dataset.py" | head -n 1
}

# image_name [TARGET]: the name that kubeflow_runner.py has for the steps' image; the other target's has an ending.
image_name() {
    local ending=
    case "${1:-runtime}" in
        runtime) ;;
        runtime-cpu) ending=-cpu ;;
        *) die "$1: no such target, expected runtime or runtime-cpu" ;;
    esac
    printf 'tfx-%s:%s%s\n' "$(dataset_name)" "$(project_version)" "$ending"
}

# The repository's address as anybody may see it: without a name or a password, and not a folder of this machine.
source_address() {
    git -C "$root" config --get remote.origin.url 2>/dev/null \
        | sed -nE -e 's#^(https?|ssh)://([^/@]*@)?#\1://#p' -e 's#^git@([^:/]+):#https://\1/#p' || true
}

# The commit, and whether there is more in the checkout than it has.
revision() {
    local commit
    commit=$(git -C "$root" rev-parse HEAD 2>/dev/null) || return 0
    if [[ -n $(git -C "$root" status --porcelain 2>/dev/null) ]]; then commit+=-dirty; fi
    printf '%s\n' "$commit"
}

# The commit's time rather than the clock's, so that a build of the same commit says the same.
created() {
    TZ=UTC0 git -C "$root" log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || true
}

image_build() {
    local target=${1:-runtime} image base_image
    image=${2:-$(image_name "$target")} || exit
    choose_base_image
    say "building $image, the target $target, on $base_image"
    ending=end_build
    logged "$cache_dir/$target.log" build_image "$target" "$image" "SOURCE=$(source_address)" "REVISION=$(revision)" \
        "VERSION=$(project_version)" "CREATED=$(created)" || exit 1
    image_sbom "$target" "$image" || exit 1
    printf '%s\n' "$image"
}

# inside IMAGE ARGUMENT...: runs contents.py in the image, where nothing can be changed and nobody can be reached.
inside() {
    local image=$1
    shift
    "${engine[@]}" run --rm --interactive --pull=never --platform="$platform" --network=none --user 0:0 --security-opt=label=disable \
        "$image" python3 - "$@" <"$root/tools/docker/contents.py"
}

image_sizes() {
    inside "${1:-$(image_name)}" sizes
}

image_digests() {
    inside "${1:-$(image_name)}" digests
}

# What is in the image, as a CycloneDX document: Python's packages as uv locks them, Debian's as its database has them.
image_sbom() {
    local target=$1 image=$2 file=$root/output/image/$1.cdx.json
    mkdir -p -- "$root/output/image"
    inside "$image" sbom >"$file.new" || { say "$image: what is in it could not be listed"; return 1; }
    mv -f -- "$file.new" "$file"
    say "wrote ${file#"$root"/}: what is in $image"
}

# The rules of a cluster: any user of group 0, nothing writable but what Kubeflow mounts and /tmp, no capability.
harsh_flags() {
    local folder
    printf '%s\n' --read-only --user 12345:0 --cap-drop=ALL --security-opt=no-new-privileges
    if [[ ${engine[0]} == podman ]]; then printf '%s\n' --read-only-tmpfs=false; fi
    flags --tmpfs /tmp:rw,exec,mode=1777 /output:rw,mode=0770
    for folder in $kubeflow_folders; do flags --tmpfs "$folder:rw,exec,mode=0777"; done
    # An empty file in place of every shell: a step that needs one fails.
    for folder in /usr/bin/dash /usr/bin/bash; do flags --mount "$(bind /dev/null "$folder" ,readonly)"; done
}

has_no_healthcheck() {
    [[ $("${engine[@]}" image inspect --format '{{json .Config}}' "$1") != *ealthcheck* ]]
}

image_smoke() {
    local image=${1:-$(image_name)} common harsh
    has_image "$image" || die "$image: no such image here; make it with: tools/image build"
    has_no_healthcheck "$image" || die "$image: has a HEALTHCHECK, which a step must not have"
    mapfile -t common < <(common_flags)
    mapfile -t harsh < <(harsh_flags)
    "${engine[@]}" run "${common[@]}" "${harsh[@]}" "$image" python3 - "${@:2}" <"$root/tools/docker/smoke.py"
}

# pushed_digest IMAGE: pushes and prints the digest of the manifest, as the registry has it.
pushed_digest() {
    local image=$1 file=$cache_dir/pushed.$$
    make_cache_dir
    if [[ ${engine[0]} == podman ]]; then
        "${engine[@]}" push --digestfile "$file" "$image" >&2 || return 1
    else
        "${engine[@]}" push "$image" | tee /dev/stderr | grep -oE 'sha256:[0-9a-f]{64}' | tail -n 1 >"$file" || return 1
    fi
    cat -- "$file"
    rm -f -- "$file"
}

# without_tag NAME: the name without its tag; a colon before a slash is a registry's port.
without_tag() {
    if [[ ${1##*/} == *:* ]]; then printf '%s\n' "${1%:*}"; else printf '%s\n' "$1"; fi
}

image_push() {
    local image=${1:-} digest
    [[ $image == */* ]] || die "'$image' names no registry, expected one such as registry.example.org/fashion-mnist:1.0"
    [[ $image != *@* ]] || die "$image: a registry gives the digest itself; name a tag"
    has_image "$image" || die "$image: no such image here; make it with: tools/image build runtime $image"
    digest=$(pushed_digest "$image") || die "$image: could not be pushed; the lines above say why"
    [[ $digest == sha256:* ]] || die "$image: was pushed, but ${engine[0]} tells no digest"
    say "a package with this name always runs this image: tools/env python kubeflow_runner.py --image NAME"
    printf '%s@%s\n' "$(without_tag "$image")" "$digest"
}
