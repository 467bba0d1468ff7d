"""`fit`: train a network on data, in a run folder or without one."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path

from ctsigprop.analysis.measures.callbacks import Angles, Gradients, measures
from ctsigprop.continuous.learning import OPTIMIZERS, RULES, Optimizer, Rule
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.prediction import Inference
from ctsigprop.continuous.trained import load_trained
from ctsigprop.continuous.training import draw, keep_initial, train
from ctsigprop.core.threads import set_threads
from ctsigprop.data import Dataset
from ctsigprop.errors import InputError
from ctsigprop.library.named import Rates, forward_rates, graph_settings, optimizer_settings
from ctsigprop.library.resuming import check_resumable
from ctsigprop.library.run import Run, run_of
from ctsigprop.library.training import draw_figures
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Callback
from ctsigprop.settings import (
    LearningSettings,
    NudgingSettings,
    ProbeSettings,
    Settings,
    SolverSettings,
    TrainingSettings,
)

DEFAULTS = LearningSettings()


def fit(
    network: Network,
    data: Dataset,
    *,
    beta: float = 1.0,
    nudging: str = "positive",
    rule: str | Rule = "eq14",
    rates: Rates | None = None,
    feedback_rate: float | None = None,
    fixed: Sequence[str] = (),
    optimizer: str | Optimizer = "sgd",
    decay: float = DEFAULTS.decay,
    weight_decay: float = 0.0,
    average: float = 0.0,
    solver: SolverSettings | None = None,
    epochs: int = 40,
    batch_size: int = 20,
    seed: int = 0,
    threads: int = 2,
    keep: Sequence[int] = (),
    callbacks: Sequence[Callback] = (),
    run_dir: str | PathLike[str] | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a network, whose weights are changed in place, and measure its errors after each epoch.

    Args:
        network: of the continuous family, with as many inputs and outputs as the data.
        data: what is learned: classes or a regression.
        beta: nudging strength.
        nudging: positive (the paper's), random-sign or centered.
        rule: what an update is made of: eq14, the name of another in `RULES`, or a Rule of one's own.
        rates: learning rates. Of a named architecture: of each forward connection from the input side, or one for all.
            Of a graph: one for all, or by the connections' names; a connection that is left out has the rate that it
            was made with. By default rates that follow the depth.
        feedback_rate: of loops and of separate feedback connections of a named architecture.
        fixed: names of connections that do not learn; `loop` stands for every loop of a sigprop_loop.
        optimizer: sgd, momentum, adam, the name of another in `OPTIMIZERS`, or an Optimizer of one's own.
        decay: factor on every rate after each epoch.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
        average: predict with the mean of the weights over about this many epochs.
        solver: of the phases: `Anderson`, `Passes` or `InTime`.
        epochs: passes over the training samples.
        batch_size: samples an update.
        seed: of the order of samples and the signs of random-sign nudging.
        threads: threads of every numerical library.
        keep: epochs after which a checkpoint is kept for good.
        callbacks: called in training; angles are always measured.
        run_dir: folder of the run, new or empty; none is kept where it is left out.
        resume: go on with the run in `run_dir`.
        quiet: show no progress.

    Returns:
        The run; its `network` has the weights of the best epoch, and `network` itself those of the last.

    Raises:
        InputError: an argument that cannot be used, or that does not go with another.
        RunFailure: weights that are no longer finite, or a disk that is full.
        KeyboardInterrupt: after the state was saved in `run_dir`.
    """
    learning = LearningSettings(
        feedback_rate=DEFAULTS.feedback_rate if feedback_rate is None else feedback_rate,
        decay=decay,
        weight_decay=weight_decay,
        fixed=tuple(fixed),
        average=average,
        rule=RULES.name_of(rule),
        **optimizer_settings(optimizer),
    )
    if network.settings is None:
        shape = graph_settings(network, rates, OPTIMIZERS[learning.optimizer].rate)
    else:
        shape, learning = network.settings, replace(learning, rates=forward_rates(rates))
    settings = Settings(
        data.source,
        shape,
        solver or SolverSettings(),
        NudgingSettings(nudging, beta),  # type: ignore[arg-type]
        learning,
        TrainingSettings(epochs, batch_size, seed, threads, tuple(keep)),
        _probe(callbacks),
    )
    _check_fits(network, data)
    set_threads(threads)
    drawn = draw(settings, data)
    trained = network.with_rates_of(drawn)
    network.inference = Inference(data.scaling, data.shape, data.task, settings.solver)
    others = [one for one in callbacks if not isinstance(one, Angles | Gradients)]
    with _folder(run_dir, settings, resume=resume) as folder:
        if not resume:
            keep_initial(folder, trained, drawn)
        train(
            settings,
            folder,
            network=trained,
            data=data,
            rule=rule if isinstance(rule, Rule) else None,
            optimizer=None if isinstance(optimizer, str) else optimizer,
            callbacks=[*measures(settings.probe), *others],
            resume=resume,
            quiet=quiet,
        )
        if run_dir is None:
            return replace(run_of(folder, "best"), path=None, trained=load_trained(folder, data=data))
        draw_figures(folder, settings, data)
        return replace(run_of(folder, "best"), trained=load_trained(folder, data=data))


def _probe(callbacks: Sequence[Callback]) -> ProbeSettings:
    """What the measuring callbacks among those of the user ask for."""
    early = max((one.early for one in callbacks if isinstance(one, Angles)), default=0)
    samples = max((one.samples for one in callbacks if isinstance(one, Gradients)), default=0)
    return ProbeSettings(samples, early)


def _check_fits(network: Network, data: Dataset) -> None:
    found = (network.sizes[0], network.sizes[-1])
    if found != (data.features, data.outputs):
        raise InputError(
            f"network: has {found[0]} inputs and {found[1]} outputs: must be {data.features} and {data.outputs}, "
            f"as {data.name} has"
        )


@contextmanager
def _folder(run_dir: str | PathLike[str] | None, settings: Settings, *, resume: bool) -> Iterator[RunFolder]:
    """The folder of a run; one that goes with the block where none is asked for."""
    if run_dir is None:
        if resume:
            raise InputError("resume: does not say which run: give its folder as run_dir")
        with tempfile.TemporaryDirectory() as temporary, RunFolder.create(Path(temporary), settings) as run:
            yield run
    elif resume:
        check_resumable(RunFolder.open(Path(run_dir)), settings)
        with RunFolder.resume(Path(run_dir)) as run:
            run.write_settings(settings)
            yield run
    else:
        with RunFolder.create(Path(run_dir), settings) as run:
            yield run
