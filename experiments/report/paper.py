"""The paper's classification results (Sec. V-C) beside runs of the same networks."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, stdev

from ctsigprop.experiments.paper.figure_4.claims import AngleClaim
from ctsigprop.experiments.paper.section_5.published import PAPER as PAPER
from ctsigprop.experiments.paper.section_5.published import Published
from ctsigprop.experiments.report.columns import NOTHING
from ctsigprop.experiments.report.run import Outcome, Run
from ctsigprop.settings import Settings
from ctsigprop.settings.config import to_values

NOT_COMPARED = ("seed", "threads", "keep", "tensorboard")  # of training, in which runs that are pooled may differ


@dataclass(frozen=True)
class Measured:
    """Finished runs of one published network, alike but for their seed."""

    runs: tuple[Run, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def epochs(self) -> int:
        """Epochs of each run."""
        return self.outcomes[0].epochs

    def error(self, name: str) -> float:
        """Mean over the runs (percent)."""
        return mean(self._values(name))

    def spread(self, name: str) -> float | None:
        """Standard deviation over the runs; none of a single one."""
        return stdev(self._values(name)) if len(self.runs) > 1 else None

    def _values(self, name: str) -> list[float]:
        return [getattr(outcome, name) for outcome in self.outcomes]


def measured(published: Published, runs: Iterable[Run]) -> list[Measured]:
    """The finished runs of a published network that were trained for longest, seeds pooled.

    A run counts whatever its learning rates, nudging and solver: the paper leaves them open. Of runs that are alike
    in their seed too, copies of one another, the first counts.
    """
    alike: dict[str, dict[int, tuple[Run, Outcome]]] = {}
    for run in runs:
        if isinstance(run.settings, Settings) and run.outcome and run.finished and _is_of(published, run.settings):
            of_seed = alike.setdefault(_without_seed(run.settings), {})
            of_seed.setdefault(run.settings.training.seed, (run, run.outcome))
    pooled = [Measured(*zip(*of_seed.values(), strict=True)) for of_seed in alike.values()]
    longest = max((group.epochs for group in pooled), default=0)
    return [group for group in pooled if group.epochs == longest]


def published_range(published: Published, name: str) -> str:
    """What the paper reports, as one number or as a range; a dash where it reports nothing."""
    return published.text(name, NOTHING)


def difference(published: Published, name: str, error: float) -> str:
    """How far a measured error is from the published range, to the paper's two decimals."""
    low, high = published.errors[name]
    rounded = round(error, 2)
    if low <= rounded <= high:
        return "as published"
    return f"{rounded - (high if rounded > high else low):+.2f}".replace("-", "\N{MINUS SIGN}")


def _is_of(published: Published, settings: Settings) -> bool:
    return (
        settings.data.name == published.dataset
        and settings.data.file is None
        and settings.data.limit is None
        and settings.network.architecture == "sigprop_loop"
        and settings.network.hidden == published.hidden
        and settings.network.looped == (1,)
        and not settings.learning.fixed
    )


def _without_seed(settings: Settings) -> str:
    values = to_values(settings)
    for name in NOT_COMPARED:
        del values["training"][name]
    return repr({**values, "probe": None})


def judged(claims: Iterable[AngleClaim]) -> dict[str, dict[str, tuple[int, int]]]:
    """By claim and measure: on how many sets of runs it holds, and how many were judged."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for claim in claims:
        measures = counts.setdefault(claim.claim, {})
        held, total = measures.get(claim.measure, (0, 0))
        measures[claim.measure] = (held + claim.holds, total + 1)
    return counts
