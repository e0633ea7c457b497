"""The package ``modules`` from a Git repository: strict about hosts, silent about keys; needs no TFX."""
