"""Between Kubeflow Pipelines' launcher and TFX: one reads and writes what the other does not understand.

The launcher hands a step an ``ExecutorInput`` and reads an ``ExecutorOutput``, both JSON messages of
``pipeline_spec.proto``. These modules treat them as plain dictionaries, so that no step loads the Kubeflow SDK, and
know only the launcher's local paths, so that every object store is the same to them.
"""
