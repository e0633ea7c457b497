"""The work of the components that need neither TensorFlow nor TFX, as plain functions.

Loading TFX takes longer than any of them. The component in ``tfx_pipeline.components`` calls the function under TFX; on
Kubeflow, the entrypoint calls it in a process that starts in less than a second.
"""
