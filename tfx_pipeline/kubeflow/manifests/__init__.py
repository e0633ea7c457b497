"""Manifests of what runs on Kubernetes beside the pipeline, for ``kubectl apply``."""
