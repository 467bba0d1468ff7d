"""What a run that is gone on with may be told anew."""

from ctsigprop.config import Values, to_values
from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings


def check_resumable(run: RunFolder, settings: AnySettings) -> None:
    """Pass settings that are those of a run, but for more epochs.

    Raises:
        InputError: another setting differs, or the run's cannot be read.
    """
    check_unchanged(to_values(run.settings()), to_values(settings), run)


def check_unchanged(before: Values, now: Values, run: RunFolder) -> None:
    """Refuse the first setting that differs from the run's own, but for more epochs and a file that was moved."""
    for group, content in now.items():
        for name, value in content.items():
            old = before[group][name]
            more_epochs = (group, name) == ("training", "epochs") and value > old
            moved = group == "data" and name in ("events", "file") and None not in (value, old)
            if value != old and not (more_epochs or moved):  # moved files must be the same
                remedy = "leave it out (only training.epochs may be raised), or start a new run"
                raise InputError(f"{group}.{name} = {value!r}: the run in {run.path} has {old!r}: {remedy}")
