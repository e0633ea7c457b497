# The image that every step runs in. `docker build .` makes `runtime`; tools/env makes `dev`.
#
#   base -> uv               the installer
#   base -> env -> dev       /opt/venv from uv.lock, plus the development group; the checkout is mounted
#               -> runtime   /opt/venv and the project's code; no compiler, no installer, not root
#
# A host certificate file reaches a step as the optional secret `ca`: mounted, never part of a layer.

ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS base
# Debian 13 is the oldest Debian whose C library loads the wheels of ml-metadata and tensorflow-data-validation.
RUN echo '== installing Python' \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates python3 \
    && apt-get clean && rm -rf /var/lib/apt/lists/*


FROM base AS uv
RUN --mount=type=secret,id=ca \
    apt-get update -q \
    && apt-get install -q -y --no-install-recommends python3-venv \
    && if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install -q --no-cache-dir uv==0.13.9


FROM base AS env
# pyfarmhash is published as source only. Its compiler comes and goes in the one step that needs it: a stage of its own
# would cost a second copy of 4 GB. Bytecode is compiled here since other users than root cannot keep any in the image.
COPY pyproject.toml uv.lock /opt/project/
RUN --mount=type=secret,id=ca --mount=type=bind,from=uv,source=/opt/uv,target=/opt/uv \
    echo '== installing the locked packages (about 0.9 GB to download)' \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends g++ python3-dev \
    && if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && export UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/venv \
    && /opt/uv/bin/uv sync --project /opt/project --no-cache --frozen --no-dev --compile-bytecode \
    && apt-get purge -q -y --autoremove g++ python3-dev \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
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
# The step that checks out a source needs git and ssh, and ssh needs any numeric user to have a name: libnss-wrapper.
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends git libnss-wrapper openssh-client \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /home/app && chmod 0775 /home/app


FROM env AS dev
RUN echo '== installing the development tools' \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends \
        chromium fonts-dejavu-core make openssh-server procps shellcheck tini \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*' \
    && chmod 0777 /home/app
COPY --from=uv /opt/uv /opt/uv
ENV UV_CACHE_DIR=/tmp/uv-cache \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
    && ln -s /opt/uv/bin/uv /usr/local/bin/uv \
    && uv sync --project /opt/project --no-cache --frozen --compile-bytecode
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
