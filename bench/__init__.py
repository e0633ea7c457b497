"""Benchmarks: measurements that are not tests."""

import os

from tfx_pipeline.process.host_paths import FOLDERS

# What a benchmark writes is thrown away, and may be the container's own.
os.environ.pop(FOLDERS, None)
