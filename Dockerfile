# The image that every step runs in. `docker build .` makes `runtime`; tools/env makes `dev`.
#
#   base -> build            compiler and headers; fills /opt/venv from uv.lock
#   base -> env -> dev       /opt/venv plus the development group; the checkout is mounted
#               -> runtime   /opt/venv plus the project's code; no compiler, not root
#
# A host certificate file reaches a step as the optional secret `ca`: mounted, never part of a layer.

ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS base
# Debian 13 is the oldest Debian whose C library loads the wheels of ml-metadata and tensorflow-data-validation.
RUN echo '== installing Python' \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*


FROM base AS build
# pyfarmhash is published as source only.
RUN echo '== installing the compiler' \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends g++ python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install -q --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock /opt/project/
# Compiled here because users other than root cannot keep bytecode in the image: imports are slow without it.
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/uv \
    echo '== installing the locked packages (about 1.2 GB to download)' \
    && if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && export UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv \
    && /opt/uv/bin/uv sync --project /opt/project --frozen --no-dev --compile-bytecode


FROM base AS env
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
RUN mkdir -p /home/app && chmod 0775 /home/app
COPY --from=build /opt/venv /opt/venv


FROM env AS dev
RUN echo '== installing the development tools' \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends git make procps shellcheck tini \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*' \
    && chmod 0777 /home/app
COPY --from=build /opt/uv /opt/uv
COPY pyproject.toml uv.lock /opt/project/
ENV UV_CACHE_DIR=/tmp/uv-cache \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/uv \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && ln -s /opt/uv/bin/uv /usr/local/bin/uv \
    && UV_CACHE_DIR=/root/.cache/uv uv sync --project /opt/project --frozen --compile-bytecode
# An init that passes signals on, whichever engine runs the container.
ENTRYPOINT ["/usr/bin/tini", "--"]


FROM env AS runtime
COPY pyproject.toml setup.py local_runner.py kubeflow_runner.py LICENSE /app/
COPY modules /app/modules
COPY tfx_pipeline /app/tfx_pipeline
ENV PYTHONPATH=/app
WORKDIR /app
# Group 0 owns what must be writable, so any numeric user of that group can run the image.
USER 1000:0
