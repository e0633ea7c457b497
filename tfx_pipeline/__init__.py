"""Turns Fashion-MNIST into a validated, trained, evaluated and pushed model: one TFX pipeline for every runner."""
