"""`ctsigprop train`: trains a network in a run folder, and draws what it learned."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ctsigprop.core.threads import set_threads
from ctsigprop.discrete.parallel.launch import launched
from ctsigprop.errors import InputError, Interrupted, printable
from ctsigprop.experiments.cli.arguments import MOST_DIGITS
from ctsigprop.experiments.cli.flags import check_used, settings_given
from ctsigprop.library.resuming import check_resumable
from ctsigprop.library.training import draw_figures, train_in
from ctsigprop.runs import RunFolder, claim_folder
from ctsigprop.runs.metrics import error_in_words
from ctsigprop.settings import AnySettings, as_begun
from ctsigprop.settings.config import family_of, to_values

Undo = Callable[[], None]
"""Leaves a run as it was before a command that was refused or failed before it saved anything; else as it is."""


def command(options: Mapping[str, Any]) -> None:
    """Trains, draws and says where the figures are.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        CtsigpropError: with the exit status that it stands for.
    """
    family, processes = options["family"], _processes(options.get("parallel"))
    place = launched()
    started = 1 if place is None else place.size
    if started > 1 and family != "discrete":
        raise InputError(
            f"--family = {family}: trains in one process, and torchrun started {started}: leave torchrun out"
        )
    if started > 1 and processes == 1:
        raise InputError(f"--parallel: is left out, and torchrun started {started}: pass --parallel layers={started}")
    if place is not None and place.rank > 0:  # rank 0 has the run
        from ctsigprop.discrete.parallel.training import follow

        return follow()
    begin = _resumed if options.get("resume") else _created
    settings, run, undo = begin(Path(options["run_dir"]) if "run_dir" in options else None, options, family)
    set_threads(settings.training.threads)
    print(f"run in {printable(str(run.path))}", flush=True)
    with run:
        summary = _trained(settings, run, undo, processes, quiet=options.get("quiet", False))
    print(
        f"test error {error_in_words(summary['test_error'], summary)} after epoch {summary['best_epoch']}, "
        f"whose validation error is the smallest: {error_in_words(summary['best_validation_error'], summary)}"
    )
    print(f"figures in {printable(str(run.figures))}")


def _trained(settings: AnySettings, run: RunFolder, undo: Undo, processes: int, *, quiet: bool) -> dict[str, Any]:
    try:
        summary = train_in(run, settings, processes, quiet=quiet)
        draw_figures(run, settings)
        return summary
    except Exception:
        undo()
        raise
    except KeyboardInterrupt as interruption:
        again = f"ctsigprop train --resume --run-dir {shlex.quote(str(run.path))}"
        raise Interrupted(f"interrupted: go on with `{again}`") from interruption


def _processes(parallel: str | None) -> int:
    """What --parallel layers=N asks for; 1 where it is left out."""
    if parallel is None:
        return 1
    kind, _, count = parallel.partition("=")
    if kind != "layers" or not count.isdecimal() or len(count) > MOST_DIGITS or int(count) < 1:
        raise InputError(f"--parallel = {parallel}: must be layers=N, such as layers=2")
    return int(count)


def _created(run_dir: Path | None, options: Mapping[str, Any], family: str) -> tuple[AnySettings, RunFolder, Undo]:
    settings = settings_given(options, family)
    check_used(options, settings)
    run = RunFolder.create(run_dir or claim_folder(settings), settings)
    return settings, run, run.discard


def _resumed(run_dir: Path | None, options: Mapping[str, Any], family: str) -> tuple[AnySettings, RunFolder, Undo]:
    """The run's own settings; those given again must be the same, but for more epochs."""
    if run_dir is None:
        raise InputError("--resume: does not say which run: give its folder with --run-dir")
    begun = RunFolder.open(run_dir)
    before = begun.settings()
    if family_of(before) != family:
        raise InputError(
            f"--family = {family}: the run in {run_dir} is of the {family_of(before)} family: leave it out"
        )
    settings = as_begun(settings_given(options, family, to_values(before)), before)
    check_resumable(begun, settings)
    check_used(options, settings)
    run = RunFolder.resume(run_dir)
    saved = run.saved
    run.write_settings(settings)

    def undo() -> None:
        if run.saved == saved:
            run.write_settings(before)

    return settings, run, undo
