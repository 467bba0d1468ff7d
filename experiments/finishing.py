"""Runs of a reproduction or a sweep: started, resumed, or left as they are if finished."""

from pathlib import Path

from ctsigprop.errors import InputError
from ctsigprop.library.training import train_in
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, as_begun
from ctsigprop.settings.config import CONFIG, family_of, to_values

FREE = {("training", "threads")}  # settings that may change between runs


def is_finished(folder: Path, settings: AnySettings) -> bool:
    """Return whether the folder holds the finished run.

    Raises:
        InputError: it holds a run of another family or of other settings; the number of threads and settings that the
            run does not use may differ.
    """
    if not (folder / CONFIG).exists():
        return False
    run = RunFolder.open(folder)
    found = run.settings()
    if difference := _difference(found, as_begun(settings, found)):
        raise InputError(f"{folder}: holds a run of {difference}: remove it, or choose another --output")
    return run.finished(settings) is not None


def _difference(found: AnySettings, needed: AnySettings) -> str | None:
    """Describe the first setting in which two runs differ; return None if there is none."""
    if family_of(found) != family_of(needed):
        return f"the {family_of(found)} family, and needed is one of the {family_of(needed)} family"
    free, there = FREE | needed.inactive.keys(), to_values(found)
    for group, values in to_values(needed).items():
        for name, value in values.items():
            if (group, name) not in free and there[group][name] != value:
                return f"{group}.{name} = {there[group][name]!r}, and needed is {value!r}"
    return None


def finish(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
    """Start the run, or resume it from its last checkpoint, and train it to its end.

    Args:
        folder: of the run, as `is_finished` passed it.
        settings: of the run.
        quiet: show no progress bar.

    Raises:
        Busy: another process trains in the folder.
        InputError: data or checkpoint that cannot be used.
        RunFailure: training failed, or the disk is full.
        KeyboardInterrupt: after the state was saved.
    """
    begun = (folder / CONFIG).exists()
    with RunFolder.resume(folder) if begun else RunFolder.create(folder, settings) as run:
        if begun:
            settings = as_begun(settings, run.settings())
            run.write_settings(settings)
        train_or_discard(run, settings, quiet=quiet)


def train_or_discard(run: RunFolder, settings: AnySettings, *, quiet: bool) -> None:
    """Train in a run's folder; remove it if training fails before the first checkpoint.

    Raises:
        CtsigpropError: as `train_in` does.
        KeyboardInterrupt: after the state was saved.
    """
    try:
        train_in(run, settings, quiet=quiet)
    except Exception:
        run.discard()
        raise
