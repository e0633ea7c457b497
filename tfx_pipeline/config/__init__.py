"""Every value that a user can set: its default, its limits, its meaning, and how flags and TOML files reach it."""

from modules.features import ImageDataset
from tfx_pipeline.process.errors import UserError, flat
from tfx_pipeline.process.signals import exit_refused


def _require_dataset() -> None:
    """Imports ``modules/dataset.py``, from which much of the configuration follows.

    Raises:
        UserError: It does not define the data set, or not as it should.
    """
    try:
        with exit_refused("modules/dataset.py"):
            from modules.dataset import DATASET  # noqa: PLC0415 - whatever is wrong with it, in one line
    except UserError:
        raise
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise UserError(f"modules/dataset.py: {kind}{flat(error)}; correct the file") from error
    if not isinstance(DATASET, ImageDataset):
        raise UserError(f"modules/dataset.py: DATASET is a {type(DATASET).__name__}, expected an ImageDataset")


_require_dataset()
