"""Callbacks that measure a network of the continuous family while it learns."""

from dataclasses import dataclass

from ctsigprop.analysis.measures.alignment import angles
from ctsigprop.analysis.measures.probe import probe
from ctsigprop.runs.callbacks import Callback, Moment
from ctsigprop.settings import ProbeSettings


@dataclass(frozen=True)
class Angles(Callback):
    """Weight-alignment angles after each epoch: the field `angles` of its row, in degrees by name.

    Attributes:
        early: times within the first epoch, evenly spread, that the angles are measured as well.
    """

    early: int = 0

    def before_batch(self, moment: Moment) -> None:
        """Measure within the first epoch."""
        if moment.epoch == 1 and moment.batch in {place * moment.batches // self.early for place in range(self.early)}:
            found = angles(moment.model.network)
            moment.tally.early.append({"batch": moment.batch, "epoch": moment.batch / moment.batches, "angles": found})

    def after_epoch(self, moment: Moment) -> None:
        """Add the field."""
        moment.row["angles"] = angles(moment.model.network)


@dataclass(frozen=True)
class Gradients(Callback):
    """The updates beside the exact gradient, signals and stability: the field `probe` of each row; see `probe`.

    Attributes:
        samples: the first validation samples, of which they are measured.
    """

    samples: int = 200

    def after_epoch(self, moment: Moment) -> None:
        """Add the field."""
        model = moment.model
        few = model.validation
        moment.row["probe"] = probe(
            model.network, few.inputs[: self.samples], few.targets[: self.samples], model.settings
        )


def measures(asked: ProbeSettings) -> list[Callback]:
    """Return the callbacks of every run of the continuous family: angles and, if asked for, the probe."""
    gradients: list[Callback] = [Gradients(asked.samples)] if asked.samples else []
    return [Angles(asked.early), *gradients]
