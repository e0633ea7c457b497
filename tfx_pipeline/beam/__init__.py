"""Where Beam's steps run: Beam's options, and a Flink cluster with its runner, its failures and its workers."""
