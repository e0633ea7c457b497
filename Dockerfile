# The image that every step runs in. `docker build .` makes `runtime`; tools/env makes `dev`; docs/image.md says more.
#
#   base -> build                  the tools: uv, strip, a compiler; no layer of it reaches another image
#        -> env                    /opt/venv from uv.lock, trimmed: what all images share
#             -> dev               the development group and its programs; the checkout is mounted
#             -> runtime-cpu       the project's code; no compiler, no installer, not root
#             -> gpu -> runtime    the same with NVIDIA's libraries
#
# A host certificate file reaches a step as the optional secret `ca`: mounted, never part of a layer.

# debian:trixie-20261005-slim. Debian 13 is the oldest Debian whose C library loads the wheels of ml-metadata and
# tensorflow-data-validation.
ARG BASE_IMAGE=debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f

FROM ${BASE_IMAGE} AS base
# A time such as 20261005T000000Z takes Debian's packages as they were then; without one, as they are now.
ARG DEBIAN_SNAPSHOT=
COPY tools/docker/apt-packages /opt/project/docker/
# The step that checks out a source needs git and ssh, and ssh needs any numeric user to have a name: libnss-wrapper.
RUN echo '== installing Python and git' \
    && /opt/project/docker/apt-packages ca-certificates git libnss-wrapper openssh-client python3


FROM base AS build
COPY pyproject.toml uv.lock /opt/project/
# pyfarmhash is published as source only. No debugging information: its paths would differ in each build.
RUN --mount=type=secret,id=ca \
    /opt/project/docker/apt-packages binutils g++ python3-dev python3-venv \
    && if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install -q --no-cache-dir uv==0.13.9 \
    && export UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never CFLAGS=-g0 CXXFLAGS=-g0 \
    && /opt/uv/bin/uv export -q --project /opt/project --frozen --no-dev --no-emit-project \
        | awk '/^[a-z]/ { keep = /^(pyfarmhash|setuptools|wheel)==/ } keep' >/opt/compiled.txt \
    && /opt/uv/bin/uv venv -q --no-project --python /usr/bin/python3 /opt/compiled \
    && awk '/^[a-z]/ { keep = !/^pyfarmhash==/ } keep' /opt/compiled.txt >/opt/builders.txt \
    && /opt/uv/bin/uv pip install -q --python /opt/compiled --no-deps -r /opt/builders.txt \
    && /opt/uv/bin/uv pip install -q --python /opt/compiled --no-deps --no-build-isolation -r /opt/compiled.txt


FROM base AS env
COPY pyproject.toml uv.lock /opt/project/
COPY tools/docker/python-packages tools/docker/sbom.py tools/docker/trim.py /opt/project/docker/
# Installed and trimmed in one step: what a later layer deletes is still in the image. TensorBoard's second server is
# for a desktop: the first one does the same, and `dev` has both.
RUN --mount=type=secret,id=ca --mount=type=bind,from=build,source=/,target=/build \
    echo '== installing the locked packages (about 0.8 GB to download)' \
    && /opt/project/docker/python-packages --no-dev --no-install-package tensorboard-data-server \
    && mkdir -m 0775 /home/app && chmod 0775 /home/app
# A caller's numeric user need not be in /etc/passwd: these let getpass and ~ work all the same.
ENV FASHION_MNIST_ENV=image \
    HOME=/home/app \
    LOGNAME=app \
    USER=app \
    PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    VIRTUAL_ENV=/opt/venv \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1


FROM env AS dev
# Java's packages link to manual pages in a folder that is not here.
RUN echo '== installing the development tools' \
    && mkdir -p /usr/share/man/man1 \
    && /opt/project/docker/apt-packages \
        chromium default-jre-headless fonts-dejavu-core make maven openssh-server procps shellcheck tini \
    && git config --system --add safe.directory '*' \
    && chmod 0777 /home/app
COPY --from=build /opt/uv /opt/uv
ENV UV_CACHE_DIR=/tmp/uv-cache \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=secret,id=ca --mount=type=bind,from=build,source=/,target=/build \
    ln -s /opt/uv/bin/uv /usr/local/bin/uv && COMPILE_ALL=1 /opt/project/docker/python-packages
# An init that passes signals on, whichever engine runs the container.
ENTRYPOINT ["/usr/bin/tini", "--"]


FROM base AS project
COPY pyproject.toml setup.py local_runner.py kubeflow_runner.py LICENSE /app/
COPY modules /app/modules
COPY tfx_pipeline /app/tfx_pipeline
# The checkout's own modes depend on who made it.
RUN chmod -R u=rwX,go=rX /app && python3 -m compileall -q --invalidation-mode unchecked-hash /app


FROM env AS runtime-cpu
COPY --from=project /app /app
ENV HOME=/tmp PYTHONPATH=/app
WORKDIR /home/app
# Group 0 owns what must be writable, so any numeric user of that group can run the image.
USER 1000:0
CMD ["python3", "/app/local_runner.py", "--help"]
ARG SOURCE=
ARG REVISION=
ARG VERSION=
ARG CREATED=
LABEL org.opencontainers.image.title="tfx-fashion-mnist" \
    org.opencontainers.image.description="The steps of a TFX pipeline for Fashion-MNIST" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.created="${CREATED}"


FROM env AS gpu
RUN --mount=type=secret,id=ca --mount=type=bind,from=build,source=/,target=/build \
    echo '== installing NVIDIA'"'"'s libraries (about 2 GB to download)' \
    && /opt/project/docker/python-packages --no-dev --extra gpu --no-install-package tensorboard-data-server
# What the container runtime hands in of the driver: all devices, and its libraries for computing.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility


FROM gpu AS runtime
COPY --from=project /app /app
ENV HOME=/tmp PYTHONPATH=/app
WORKDIR /home/app
USER 1000:0
CMD ["python3", "/app/local_runner.py", "--help"]
ARG SOURCE=
ARG REVISION=
ARG VERSION=
ARG CREATED=
LABEL org.opencontainers.image.title="tfx-fashion-mnist" \
    org.opencontainers.image.description="The steps of a TFX pipeline for Fashion-MNIST, with GPU support" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.created="${CREATED}"
