"""A row of metrics: what a run measures of an epoch, as metrics.jsonl holds it."""

from typing import Literal, NotRequired, TypedDict

ErrorField = Literal["train_error", "validation_error", "test_error"]
"""Of classes in percent, of a regression mean squares."""

PhaseField = Literal["free_residual", "clamped_residual", "free_sweeps", "clamped_sweeps"]


class Signal(TypedDict):
    """An angle between signals: over `samples`, in degrees; None if there are none."""

    samples: int
    mean: float | None
    standard_deviation: float | None


class Comparison(TypedDict):
    """An update beside the exact gradient; None where a quantity is not defined."""

    cosine: float | None
    norm_ratio: float | None


class Stability(TypedDict):
    """The largest loop gain, the slowest time constant, the fraction of samples that oscillate."""

    loop_gain: float
    time_constant: float | None
    oscillating: float


class Probe(TypedDict):
    """What was measured at the equilibria of some samples.

    Attributes:
        samples: how many.
        moved: of them, by nudging.
        unconverged: phases that ended above the solver's tolerance.
        signals: by angle.
        slopes: by angle, with the sample's own slopes in the way back.
        gradient: by parameter.
        stability: at the free equilibria.
    """

    samples: int
    moved: int
    unconverged: int
    signals: dict[str, Signal]
    slopes: NotRequired[dict[str, Signal]]
    gradient: dict[str, Comparison]
    stability: Stability


class Early(TypedDict):
    """What callbacks measured within an epoch, such as angles (degrees, by name).

    Attributes:
        batch: the next one, from 0.
        epoch: epochs of training before it, with the fraction of this one.
        angles: in degrees by name.
    """

    batch: int
    epoch: float
    angles: NotRequired[dict[str, float]]


class ExitErrors(TypedDict):
    """Errors of a stage that predicts, in percent."""

    validation_error: float
    test_error: float


class Measured(TypedDict):
    """What is measured of a network after an epoch.

    Attributes:
        epoch: from 1; 0 before the first update.
        angles: in degrees by name; of the continuous family.
        early: angles within the epoch.
        probe: of the runs that ask for it.
    """

    epoch: int
    angles: NotRequired[dict[str, float]]
    early: NotRequired[list[Early]]
    probe: NotRequired[Probe]


class MetricsRow(Measured):
    """An epoch of a run. A number that was not finite is None.

    Attributes:
        train_error: over the epoch, before each update.
        validation_error: after it.
        test_error: after it.
        seconds: with evaluation.
        training_seconds: without.
        regression: whether errors are mean squares.
        warnings: a sentence by kind.
        unconverged: phases that ended above the solver's tolerance; of the continuous family, as all up to loop_gain.
        judged_unconverged: likewise, of the validation and test samples.
        judged_residual: the largest of theirs.
        moved: fraction of the samples that nudging moves.
        free_residual: the largest; likewise `clamped_residual`.
        free_sweeps: mean over samples; likewise `clamped_sweeps`.
        loop_gain: the largest.
        changes: |W - W_0| / |W_0| by connection, W_0 being where training began; None of one that began at 0.
        rate: learning rate of the epoch; of the families of layers, as all below.
        losses: mean over samples by stage.
        exits: by stage that predicts.
    """

    train_error: float
    validation_error: float
    test_error: float
    seconds: NotRequired[float]
    regression: NotRequired[bool]
    warnings: NotRequired[dict[str, str]]
    unconverged: NotRequired[int]
    judged_unconverged: NotRequired[int]
    judged_residual: NotRequired[float | None]
    moved: NotRequired[float]
    free_residual: NotRequired[float | None]
    clamped_residual: NotRequired[float | None]
    free_sweeps: NotRequired[float | None]
    clamped_sweeps: NotRequired[float | None]
    loop_gain: NotRequired[float | None]
    changes: NotRequired[dict[str, float | None]]
    rate: NotRequired[float]
    training_seconds: NotRequired[float]
    losses: NotRequired[dict[str, float]]
    exits: NotRequired[dict[str, ExitErrors]]
