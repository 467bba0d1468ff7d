"""The work of one worker: a point of a sweep, trained in its folder."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctsigprop.core.threads import set_threads
from ctsigprop.errors import CtsigpropError
from ctsigprop.experiments.finishing import train_or_discard
from ctsigprop.experiments.sweeps.folder import SweepFolder
from ctsigprop.experiments.sweeps.specification import Point


def train_point(point: Point, folder: Path) -> str | None:
    """Trains a point, from its last checkpoint where it has one. One that is finished is left as it is.

    Args:
        point: what is trained.
        folder: of the sweep.

    Returns:
        Why it failed, in one line, as it was also written into the folder; None if it did not.

    Raises:
        RunFailure: not even that can be written.
    """
    set_threads(1)
    sweep = SweepFolder(folder)
    try:
        with _without_warnings():
            _train(point, sweep)
    except CtsigpropError as error:
        reason = str(error)
    except Exception as error:  # whatever it is, the other points can go on
        reason = f"{type(error).__name__}: {error}"
    else:
        sweep.failure(point.name).unlink(missing_ok=True)
        return None
    sweep.fail(point.name, point.settings, reason)
    return reason


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Log errors alone: the warnings of a run are in its metrics."""
    log = logging.getLogger("ctsigprop")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _train(point: Point, sweep: SweepFolder) -> None:
    if sweep.summary(point) is not None:
        return
    with sweep.run(point) as run:
        if sweep.summary(point) is not None:  # by the process that was waited for
            return
        train_or_discard(run, point.settings, quiet=True)
