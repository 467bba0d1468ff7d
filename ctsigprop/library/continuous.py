"""`fit` and `load_run` of the continuous family."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

from ctsigprop.analysis.measures.callbacks import Angles, Gradients, measures
from ctsigprop.continuous.learning import RULES, Optimizer, Rule
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.prediction import Inference
from ctsigprop.continuous.trained import load_trained
from ctsigprop.continuous.training import draw, keep_initial, network_of, train
from ctsigprop.core.threads import set_threads
from ctsigprop.data import Dataset, dataset_of
from ctsigprop.errors import InputError
from ctsigprop.library.folders import run_folder
from ctsigprop.library.named import Rates, forward_rates, graph_settings, optimizer_settings
from ctsigprop.library.run import Run
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Callback
from ctsigprop.runs.data_record import DataRecord, record_of
from ctsigprop.settings import (
    LearningSettings,
    NudgingSettings,
    ProbeSettings,
    Settings,
    SolverSettings,
    TrainingSettings,
)
from ctsigprop.settings.device import IDEAL, TO_REST, DeviceSettings, PhaseSettings
from ctsigprop.settings.training import Augmentation

DEFAULTS = LearningSettings()


def fit_network(
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
    centred: bool = False,
    solver: SolverSettings | None = None,
    phases: PhaseSettings = TO_REST,
    device: DeviceSettings = IDEAL,
    epochs: int = 40,
    batch_size: int = 20,
    seed: int = 0,
    threads: int = 2,
    keep: Sequence[int] = (),
    augment: Augmentation = "none",
    callbacks: Sequence[Callback] = (),
    run_dir: str | PathLike[str] | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a network of the continuous family; see `ctsigprop.fit`."""
    learning = LearningSettings(
        feedback_rate=feedback_rate,
        decay=decay,
        weight_decay=weight_decay,
        fixed=(fixed,) if isinstance(fixed, str) else tuple(fixed),
        average=average,
        centred=centred,
        rule=RULES.name_of(rule),
        **optimizer_settings(optimizer),
    )
    if network.settings is None:
        shape = graph_settings(network, rates)
    else:
        shape, learning = network.settings, replace(learning, rates=forward_rates(rates))
    settings = Settings(
        data.source,
        shape,
        solver or SolverSettings(),
        NudgingSettings(nudging, beta),  # type: ignore[arg-type]
        learning,
        TrainingSettings(epochs, batch_size, seed, threads, tuple(keep), augment=augment),
        _probe(callbacks),
        phases,
        device,
    )
    _check_fits(network, data)
    set_threads(threads)
    drawn = draw(settings, data)
    _check_images(network, drawn)
    trained = network.with_rates_of(drawn)
    network.inference = _inference(data, settings)
    others = [one for one in callbacks if not isinstance(one, Angles | Gradients)]
    with run_folder(run_dir, settings, resume=resume) as folder:
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
        best = replace(network_run(folder, settings, "best"), trained=load_trained(folder, data=data))
        if run_dir is None:
            return replace(best, path=None)
        best.figures().save(folder.figures)
        return best


def network_run(folder: RunFolder, settings: Settings, checkpoint: str) -> Run:
    """A run of this family; see `ctsigprop.load_run`."""
    record = record_of(folder) or DataRecord.of(dataset_of(settings.data))
    arrays, _ = folder.load_checkpoint(checkpoint, keys=("epoch",))
    network = network_of(record.shape, record.outputs, settings)
    network.load(arrays)
    network.inference = _inference(record, settings)
    return Run(settings, network, folder.metrics(), folder.summary(), folder.path)


def _inference(data: Dataset | DataRecord, settings: Settings) -> Inference:
    return Inference(data.scaling, data.shape, data.task, settings.solver, settings.phases, settings.device)


def _probe(callbacks: Sequence[Callback]) -> ProbeSettings:
    """What the measuring callbacks among those of the user ask for."""
    early = max((one.early for one in callbacks if isinstance(one, Angles)), default=0)
    samples = max((one.samples for one in callbacks if isinstance(one, Gradients)), default=0)
    return ProbeSettings(samples, early)


def _check_images(network: Network, drawn: Network) -> None:
    """Pass a network that takes the data in as the one that a run's settings bring back."""
    given, needed = network.layers[0].shape, drawn.layers[0].shape
    if given != needed:
        taken = f"{drawn.sizes[0]} units" if needed is None else f"images, {needed}"
        raise InputError(f"layer 0: has {'no shape' if given is None else f'shape {given}'}: must be of {taken}")


def _check_fits(network: Network, data: Dataset) -> None:
    found = (network.sizes[0], network.sizes[-1])
    if found != (data.features, data.outputs):
        raise InputError(
            f"network: has {found[0]} inputs and {found[1]} outputs: must be {data.features} and {data.outputs}, "
            f"as {data.name} has"
        )
