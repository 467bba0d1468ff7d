"""`load_run`: bring a trained run back from its folder."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from ctsigprop.errors import InputError
from ctsigprop.library.run import Run
from ctsigprop.runs import RunFolder
from ctsigprop.settings import Settings

if TYPE_CHECKING:
    from ctsigprop.layered.learner import Learner


def load_run(path: str | PathLike[str], checkpoint: str = "best", *, learner: "Learner | None" = None) -> Run:
    """Bring a run of any family back from its folder.

    Its data are not read, but for runs of version 0.1, which did not keep all that predictions need of them.

    Args:
        path: the folder.
        checkpoint: best, last, or epoch-K for an epoch of training.keep.
        learner: of a run whose network was made in Python: one that is made as it was, which takes over the run's
            weights in place.

    Raises:
        InputError: there is no such run or checkpoint, a file is not as a run wrote it, something of one's own that
            the run names (a rho, a cost) has not been added to its registry, or the learner is missing or another.
    """
    folder = RunFolder.open(Path(path))
    settings = folder.settings()
    if not isinstance(settings, Settings):
        from ctsigprop.library.layered import learner_run

        return learner_run(folder, settings, checkpoint, learner)
    if learner is not None:
        raise InputError(f"learner: the run in {folder.path} is of the continuous family: leave it out")
    from ctsigprop.library.continuous import network_run

    return network_run(folder, settings, checkpoint)
