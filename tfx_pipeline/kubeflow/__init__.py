"""The same pipeline on Kubeflow Pipelines: the package, the client and what runs in each container."""
