"""Lets Beam workers (``--setup_file``) and old tools build the package; everything is declared in pyproject.toml."""

from setuptools import setup

setup()
