"""A test double of Kubeflow Pipelines' backend, which runs a finished package on this machine.

It knows the package and nothing else, and does what the driver and the launcher of Kubeflow Pipelines 2.17 do to a
step's messages and files, the losses included: types are lost when artifacts are read back, an output for the log is
added, only the parents of outputs are made, a step's output file is parsed strictly, and files pass from one step to
the next through an object store alone.
"""
