"""Runs that a larger piece of work asks for: begun, gone on with or left as they are, as their folders have it."""

from pathlib import Path

from ctsigprop.config import CONFIG, to_values
from ctsigprop.errors import CtsigpropError, InputError
from ctsigprop.experiments.train import train_in
from ctsigprop.runs import SUMMARY, RunFolder
from ctsigprop.settings import AnySettings

FREE = {("training", "threads")}  # what a run may go on with another value of


def is_finished(folder: Path, settings: AnySettings) -> bool:
    """Whether the folder holds the run, trained to its end.

    Raises:
        InputError: it holds a run of other settings, but for the number of threads and for what no such run uses.
    """
    if not (folder / CONFIG).exists():
        return False
    found = to_values(RunFolder.open(folder).settings())
    free = FREE | settings.unused
    for group, values in to_values(settings).items():
        for name, value in values.items():
            if (group, name) not in free and found[group][name] != value:
                reason = f"holds a run of {group}.{name} = {found[group][name]!r}, and needed is {value!r}"
                raise InputError(f"{folder}: {reason}: remove it, or choose another --output")
    return (folder / SUMMARY).exists()


def finish(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
    """Begins the run, or goes on with it from its last checkpoint, and trains it to its end.

    Args:
        folder: of the run, as `is_finished` passed it.
        settings: of the run.
        quiet: show no progress bar.

    Raises:
        InputError: data or checkpoint that cannot be used, or a folder that another process trains in.
        RunFailure: training failed, or the disk is full.
        KeyboardInterrupt: after the state was saved.
    """
    begun = (folder / CONFIG).exists()
    with RunFolder.resume(folder) if begun else RunFolder.create(folder, settings) as run:
        if begun:
            run.write_settings(settings)
        train_or_discard(run, settings, quiet=quiet)


def train_or_discard(run: RunFolder, settings: AnySettings, *, quiet: bool) -> None:
    """Trains in a run's folder; of a run that is refused before its first checkpoint, nothing is left.

    Raises:
        CtsigpropError: as `train_in` does.
        KeyboardInterrupt: after the state was saved.
    """
    try:
        train_in(run, settings, quiet=quiet)
    except CtsigpropError:
        run.discard()
        raise
