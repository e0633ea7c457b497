"""The work of the components that need neither TensorFlow nor TFX, as plain functions.

Loading TFX takes longer than any of them works. A component in ``tfx_pipeline.components`` calls one of these under
TFX; on Kubeflow, the entrypoint calls the same function in a process that starts in less than a second.
"""
