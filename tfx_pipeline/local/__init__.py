"""Runs the pipeline on one machine: TFX's LocalDagRunner, a console for people, a log and a manifest."""
