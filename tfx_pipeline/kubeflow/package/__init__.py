"""Makes the package that is uploaded to Kubeflow Pipelines, and refuses one that the backend would not run."""
