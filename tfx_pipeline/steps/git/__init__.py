"""The package ``modules`` from a Git repository: strict about hosts, silent about keys; needs no TFX.

What stands here is read before the checkout is in place, when nothing may import ``modules`` yet: not even the
configuration, which does.
"""

from typing import Final

PACKAGE: Final = "modules"
CHECKOUT_KEY: Final = "source"
"""Key of the checkout among the outputs of its step, and among the inputs of those that import from it."""
