"""The columns of the table of runs: what each shows of a run, and what it is sorted by."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from ctsigprop.continuous.connections import connection_name
from ctsigprop.data.catalog import CATALOG
from ctsigprop.experiments.report.run import Outcome, Run
from ctsigprop.settings import AnySettings, DiscreteSettings, OwnSettings, Settings, SpikingSettings

NOTHING = "\N{EN DASH}"
WITHOUT_LOOP = {
    **dict.fromkeys(("symmetric_ep", "conv_symmetric", "resnet_symmetric"), "symmetric weights"),
    "random_feedback_ep": "random feedback",
}
OF_A_REGRESSION = "mean square"


@dataclass(frozen=True)
class SortedText:
    """Text of a cell, and a number to sort by if there is one."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name in a link to a sorted page.
        title: its header.
        numeric: whether it is sorted by number.
        cell: what it shows of a run.
    """

    key: str
    title: str
    numeric: bool
    cell: Callable[[Run], SortedText]


def columns() -> list[Column]:
    """All but the first, which holds the name."""
    return [
        _of_settings("dataset", _dataset),
        _of_settings("network", _network),
        _of_settings("learning", _learning),
        Column("beta", "beta", True, _beta),
        _of_settings("nudging", lambda settings: settings.nudging.kind if isinstance(settings, Settings) else NOTHING),
        _of_settings("loop", lambda settings: _loop(settings) if isinstance(settings, Settings) else NOTHING),
        Column("seed", "seed", True, _seed),
        Column("epochs", "epochs", True, _epochs),
        _number_of_outcome("best", "best", "{:g}", lambda outcome: outcome.best_epoch),
        _error("validation", lambda outcome: outcome.validation),
        _error("test", lambda outcome: outcome.test),
        _error("train", lambda outcome: outcome.train),
        _number_of_outcome("seconds", "seconds", "{:.1f}", lambda outcome: outcome.seconds),
        Column("warnings", "warnings", True, _warnings),
    ]


def _of_settings(name: str, text: Callable[[AnySettings], str]) -> Column:
    return Column(name, name, False, lambda run: SortedText(text(run.settings) if run.settings else NOTHING))


def _number_of_outcome(key: str, title: str, pattern: str, number: Callable[[Outcome], float]) -> Column:
    def cell(run: Run) -> SortedText:
        return (
            SortedText(pattern.format(number(run.outcome)), number(run.outcome)) if run.outcome else SortedText(NOTHING)
        )

    return Column(key, title, True, cell)


def _error(key: str, error: Callable[[Outcome], float]) -> Column:
    """In percent without the unit, or a mean square with its name."""

    def cell(run: Run) -> SortedText:
        if run.outcome is None:
            return SortedText(NOTHING)
        found = error(run.outcome)
        return SortedText(f"{found:.4g} {OF_A_REGRESSION}" if run.outcome.regression else f"{found:.2f}", found)

    return Column(key, key, True, cell)


def _beta(run: Run) -> SortedText:
    if not isinstance(run.settings, Settings):
        return SortedText(NOTHING)
    return SortedText(f"{run.settings.nudging.beta:g}", run.settings.nudging.beta)


def _seed(run: Run) -> SortedText:
    return (
        SortedText(f"{run.settings.training.seed}", run.settings.training.seed) if run.settings else SortedText(NOTHING)
    )


def _learning(settings: AnySettings) -> str:
    if isinstance(settings, DiscreteSettings):
        return settings.learning.algorithm
    if isinstance(settings, SpikingSettings):
        return settings.learning.model
    if isinstance(settings, OwnSettings):
        return settings.learning.rule
    if settings.network.architecture == "graph":
        return "graph"
    return "ep + sp" if settings.network.loopy else "ep"


def _dataset(settings: AnySettings) -> str:
    limit = settings.data.limit
    return settings.data.title + (f", first {limit:,}" if limit is not None else "")


def _network(settings: AnySettings) -> str:
    if isinstance(settings, OwnSettings):
        return settings.network.architecture
    if isinstance(settings, DiscreteSettings) and settings.network.architecture != "fc":
        widen = settings.network.widen
        return settings.network.architecture + (f"({widen:g}x)" if widen != 1 else "")
    entry = CATALOG.get(settings.data.name) if ("data", "name") not in settings.inactive else None
    if isinstance(settings, SpikingSettings):
        network = settings.network
        layers = [*(f"{channels}c3" for channels in network.channels), f"{network.units}"]
        return "-".join([*layers, f"{entry.classes}"] if entry else layers)
    if isinstance(settings, Settings) and settings.network.architecture == "graph":
        layers = ["x".join(map(str, layer.shape or (layer.units,))) for layer in settings.network.layers]
        return "-".join([f"{prod(entry.shape)}", *layers] if entry else layers)
    if isinstance(settings, Settings) and settings.network.convolutional:
        kernel = settings.network.kernel
        layers = [f"{channels}c{kernel}" for channels in settings.network.layered]
        return "-".join([*layers, f"{entry.classes}"] if entry else layers)
    hidden = settings.network.hidden
    return "-".join(map(str, (prod(entry.shape), *hidden, entry.classes) if entry else hidden))


def _loop(settings: Settings) -> str:
    """Whether the loops learn, and which other matrices do not."""
    network, fixed = settings.network, settings.learning.fixed
    if network.architecture == "graph":
        back = [one for one in network.connections if one.source >= one.target]
        names = [connection_name(one.source, one.target) + ("" if one.rate else " fixed") for one in back]
        return ", ".join(names) or "no feedback"
    if not network.loopy:
        return ", ".join(
            [WITHOUT_LOOP.get(network.architecture, network.architecture), *(f"{name} fixed" for name in fixed)]
        )
    loops = [connection_name(len(network.hidden) + 1, layer) for layer in network.looped]
    held = [name for name in loops if name in fixed or "loop" in fixed]
    others = [name for name in fixed if name not in (*loops, "loop")]
    if len(held) == len(loops):
        return ", ".join(["fixed", *(f"{name} fixed" for name in others)])
    return ", ".join(["learned", *(f"{name} fixed" for name in (*held, *others))])


def _epochs(run: Run) -> SortedText:
    epochs = run.outcome.epochs if run.outcome else 0
    return SortedText(f"{epochs}" if run.finished or run.planned is None else f"{epochs} of {run.planned}", epochs)


def _warnings(run: Run) -> SortedText:
    """In how many epochs there was one; kept metrics are needed to tell."""
    return SortedText(NOTHING) if run.warned is None else SortedText(str(run.warned), run.warned)
