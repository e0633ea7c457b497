"""Talks to Kubeflow Pipelines' API server: uploads, starts and follows runs."""
