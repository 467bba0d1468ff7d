"""What a run that is gone on with may be told anew."""

from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, DiscreteSettings, OwnSettings
from ctsigprop.settings.config import Values, to_values

OTHER_THREADS = "a run that is resumed is that which was not stopped, bit for bit; other threads round sums otherwise"

LONGEST = 200
"""Characters of a value in an error."""

LEAVE_OUT = "leave it out (only training.epochs may be raised), or start a new run"
LIKE_BEFORE = "make the learner and call fit as for the run (only epochs may be raised), or start a new run"

MOVABLE = {("data", "events"), ("data", "file")}
"""Paths that a run may be given anew when it is resumed: what lies there is checked."""


def check_resumable(run: RunFolder, settings: AnySettings) -> None:
    """Pass settings that are those of a run, but for more epochs.

    Raises:
        InputError: the run's rule has changed since, another setting differs, the rate has decayed otherwise, or the
            run's settings cannot be read.
    """
    run.require_current()
    before = run.settings()
    remedy = LIKE_BEFORE if isinstance(before, OwnSettings) else LEAVE_OUT
    _check_unchanged(to_values(before), to_values(settings), run, remedy)
    _check_same_rates(before, settings, run)


def _check_unchanged(before: Values, now: Values, run: RunFolder, remedy: str) -> None:
    for group, content in now.items():
        for name, value in content.items():
            old = before.get(group, {}).get(name)
            more_epochs = (group, name) == ("training", "epochs") and value > old
            moved = (group, name) in MOVABLE and None not in (value, old)
            if value != old and not (more_epochs or moved):
                why = f" ({OTHER_THREADS})" if name == "threads" else ""
                raise InputError(
                    f"{group}.{name} = {_short(value)}: the run in {run.path} has {_short(old)}{why}: {remedy}"
                )


def _short(value: object) -> str:
    """A value as Python writes it; of a long one, its beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _check_same_rates(before: AnySettings, now: AnySettings, run: RunFolder) -> None:
    """Refuse more epochs to a run of the discrete family that has decayed its rate by the number it was begun with."""
    if not (isinstance(before, DiscreteSettings) and isinstance(now, DiscreteSettings)):
        return
    epochs = before.training.epochs
    if now.training.epochs == epochs or not run.saved:
        return
    _, meta = run.load_checkpoint("last", keys={"epoch"})
    for epoch in range(1, min(meta["epoch"] + 1, epochs) + 1):
        if before.decay_of(epoch) != now.decay_of(epoch):
            reason = f"the run in {run.path} has decayed its rate since epoch {epoch}, by learning.decay_at of {epochs}"
            raise InputError(f"training.epochs = {now.training.epochs}: {reason}: leave it out, or start a new run")
