"""The folder that `fit` trains in: the user's, or one that goes with the block."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from ctsigprop.errors import InputError
from ctsigprop.library.resuming import check_resumable
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, as_begun


@contextmanager
def run_folder(run_dir: str | PathLike[str] | None, settings: AnySettings, *, resume: bool) -> Iterator[RunFolder]:
    """Hold the folder of a run.

    Args:
        run_dir: new or empty, or with the run that is resumed; None: a temporary one.
        settings: of the run.
        resume: go on with the run that is there.

    Raises:
        InputError: the folder, or the run in it, is not as `resume` has it, or the run is of other settings.
        RunFailure: the disk is full or fails.
    """
    if run_dir is None:
        if resume:
            raise InputError("resume: does not say which run: give its folder as run_dir")
        with tempfile.TemporaryDirectory() as temporary, RunFolder.create(Path(temporary), settings) as run:
            yield run
    elif resume:
        begun = RunFolder.open(Path(run_dir))
        settings = as_begun(settings, begun.settings())
        check_resumable(begun, settings)
        with RunFolder.resume(Path(run_dir)) as run:
            run.write_settings(settings)
            yield run
    else:
        with RunFolder.create(Path(run_dir), settings) as run:
            try:
                yield run
            except Exception:
                run.discard()
                raise
