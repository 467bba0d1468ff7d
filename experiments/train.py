"""`ctsigprop train`: trains a network in a run folder, and draws what it learned."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ctsigprop.config import to_values, wing_of
from ctsigprop.discrete.parallel_launch import launched
from ctsigprop.errors import InputError, Interrupted, printable
from ctsigprop.experiments.arguments import LONGEST
from ctsigprop.experiments.flags import Values, check_used, settings_given
from ctsigprop.runs import RunFolder, claim_folder
from ctsigprop.settings import AnySettings, DiscreteSettings, Settings, SpikingSettings, as_begun
from ctsigprop.threads import set_threads

OTHER_THREADS = "a run that is resumed is that which was not stopped, bit for bit; other threads round sums otherwise"

MOVABLE = {("data", "events"), ("data", "file")}
"""Paths that a run may be given anew when it is resumed: what lies there is checked."""

Undo = Callable[[], None]
"""Leaves a run as it was before a command that was refused or failed before it saved anything; else as it is."""


def command(options: Mapping[str, Any]) -> None:
    """Trains, draws and says where the figures are.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        CtsigpropError: with the exit status that it stands for.
    """
    wing, processes = options["wing"], _processes(options.get("parallel"))
    place = launched()
    started = 1 if place is None else place.size
    if started > 1 and wing != "discrete":
        raise InputError(f"--wing = {wing}: trains in one process, and torchrun started {started}: leave torchrun out")
    if started > 1 and processes == 1:
        raise InputError(f"--parallel: is left out, and torchrun started {started}: pass --parallel layers={started}")
    if place is not None and place.rank > 0:  # rank 0 has the run
        from ctsigprop.discrete.parallel import follow

        return follow()
    begin = _resumed if options.get("resume") else _created
    settings, run, undo = begin(Path(options["run_dir"]) if "run_dir" in options else None, options, wing)
    set_threads(settings.training.threads)
    print(f"run in {printable(str(run.path))}", flush=True)
    with run:
        summary = _trained(settings, run, undo, processes, quiet=options.get("quiet", False))
    print(
        f"test error {summary['test_error']:.2f} % after epoch {summary['best_epoch']}, "
        f"whose validation error is the smallest: {summary['best_validation_error']:.2f} %"
    )
    print(f"figures in {printable(str(run.figures))}")


def train_in(run: RunFolder, settings: AnySettings, processes: int = 1, *, quiet: bool) -> dict[str, Any]:
    """Trains in a run's folder, from its last checkpoint where it has one, and logs every measure.

    Args:
        run: its folder.
        settings: of the run.
        processes: how many train the layers side by side; more than one in the discrete wing only.
        quiet: show no progress.

    Returns:
        The summary that was written.

    Raises:
        CtsigpropError: as the `train` of the wing does.
        KeyboardInterrupt: after the state was saved.
    """
    begun = run.checkpoint("last").exists()
    if isinstance(settings, DiscreteSettings):
        if processes > 1:
            from ctsigprop.discrete.parallel import train_parallel

            return train_parallel(settings, run, processes, resume=begun, quiet=quiet)
        from ctsigprop.discrete import training

        return training.train(settings, run, resume=begun, quiet=quiet)
    if isinstance(settings, SpikingSettings):
        from ctsigprop.spiking import training as spiking

        return spiking.train(settings, run, resume=begun, quiet=quiet)
    from ctsigprop.analysis.callbacks import measures
    from ctsigprop.continuous.training import train

    return train(settings, run, resume=begun, quiet=quiet, callbacks=measures(settings.probe))


def _trained(settings: AnySettings, run: RunFolder, undo: Undo, processes: int, *, quiet: bool) -> dict[str, Any]:
    try:
        summary = train_in(run, settings, processes, quiet=quiet)
        _draw(run, settings)
        return summary
    except Exception:
        undo()
        raise
    except KeyboardInterrupt as interruption:
        again = f"ctsigprop train --resume --run-dir {shlex.quote(str(run.path))}"
        raise Interrupted(f"interrupted: go on with `{again}`") from interruption


def _draw(run: RunFolder, settings: AnySettings) -> None:
    if isinstance(settings, Settings):
        from ctsigprop.analysis.curves import draw_curves
        from ctsigprop.analysis.learned import draw_learned
        from ctsigprop.analysis.trained import load_trained

        draw_curves(run.metrics(), run.figures, settings.solver.tolerance)
        draw_learned(load_trained(run), run.figures)
    else:
        from ctsigprop.analysis.layers import draw_layers

        draw_layers(run.metrics(), run.figures)


def _processes(parallel: str | None) -> int:
    """What --parallel layers=N asks for; 1 where it is left out."""
    if parallel is None:
        return 1
    kind, _, count = parallel.partition("=")
    if kind != "layers" or not count.isdecimal() or len(count) > LONGEST or int(count) < 1:
        raise InputError(f"--parallel = {parallel}: must be layers=N, such as layers=2")
    return int(count)


def _created(run_dir: Path | None, options: Mapping[str, Any], wing: str) -> tuple[AnySettings, RunFolder, Undo]:
    settings = settings_given(options, wing)
    check_used(options, settings)
    run = RunFolder.create(run_dir or claim_folder(settings), settings)
    return settings, run, run.discard


def _resumed(run_dir: Path | None, options: Mapping[str, Any], wing: str) -> tuple[AnySettings, RunFolder, Undo]:
    """The run's own settings; those given again must be the same, but for more epochs."""
    if run_dir is None:
        raise InputError("--resume: does not say which run: give its folder with --run-dir")
    before = RunFolder.open(run_dir).settings()
    if wing_of(before) != wing:
        raise InputError(f"--wing = {wing}: the run in {run_dir} is of the {wing_of(before)} wing: leave it out")
    settings = as_begun(settings_given(options, wing, to_values(before)), before)
    _check_unchanged(to_values(before), to_values(settings), run_dir)
    _check_same_rates(before, settings, run_dir)
    check_used(options, settings)
    run = RunFolder.resume(run_dir)
    saved = run.saved
    run.write_settings(settings)

    def undo() -> None:
        if run.saved == saved:
            run.write_settings(before)

    return settings, run, undo


def _check_unchanged(before: Values, now: Values, run_dir: Path) -> None:
    for group, content in now.items():
        for name, value in content.items():
            old = before[group].get(name)
            more_epochs = (group, name) == ("training", "epochs") and value > old
            moved = (group, name) in MOVABLE and None not in (value, old)
            if value != old and not (more_epochs or moved):
                why = f" ({OTHER_THREADS})" if name == "threads" else ""
                remedy = "leave it out (only training.epochs may be raised), or start a new run"
                raise InputError(f"{group}.{name} = {value!r}: the run in {run_dir} has {old!r}{why}: {remedy}")


def _check_same_rates(before: AnySettings, now: AnySettings, run_dir: Path) -> None:
    """Refuses more epochs to a run of the discrete wing that has decayed its rate by the number it was begun with."""
    if not (isinstance(before, DiscreteSettings) and isinstance(now, DiscreteSettings)):
        return
    run, epochs = RunFolder.open(run_dir), before.training.epochs
    if now.training.epochs == epochs or not run.saved:
        return
    _, meta = run.load_checkpoint("last", keys={"epoch"})
    for epoch in range(1, min(meta["epoch"] + 1, epochs) + 1):
        if before.decay_of(epoch) != now.decay_of(epoch):
            reason = f"the run in {run_dir} has decayed its rate since epoch {epoch}, by learning.decay_at of {epochs}"
            raise InputError(f"training.epochs = {now.training.epochs}: {reason}: leave it out, or start a new run")
