"""`ctsigprop sweep`: trains every point of a sweep on Dask workers, tabulates and draws what came out."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ctsigprop.errors import InputError, Interrupted
from ctsigprop.experiments.cli.arguments import command_line, whole_number
from ctsigprop.experiments.cli.flags import shipped_or_path
from ctsigprop.experiments.sweeps.folder import SweepFolder
from ctsigprop.experiments.sweeps.specification import SWEEPS, read_sweep
from ctsigprop.experiments.sweeps.training import MOST_WORKERS, Workers, train_sweep


def command(options: Mapping[str, Any]) -> None:
    """Trains what is missing or failed, then writes results.csv, summary.csv and figures.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: a file, folder or flag that cannot be used.
        RunFailure: points failed, or the folder cannot be written.
        Interrupted: by Ctrl-C.
    """
    if options.get("file") is None:
        raise InputError("sweep: does not say what is swept: give a YAML file, or the name of a shipped one")
    path = shipped_or_path(options["file"], SWEEPS, f"sweep {options['file']}")
    sweep, workers = read_sweep(path), _workers(options)
    folder = SweepFolder(Path(options.get("output", Path("sweeps") / path.stem)))
    quiet = options.get("quiet", False)
    try:
        train_sweep(sweep, folder, workers, str(path), say=partial(print, flush=True), quiet=quiet)
    except KeyboardInterrupt as interruption:
        again = command_line(options, "sweep", options["file"], flags=("workers", "scheduler", "output"))
        raise Interrupted(f"interrupted: go on with `{again}`") from interruption


def _workers(options: Mapping[str, Any]) -> Workers:
    """Those that the flags ask for."""
    if "scheduler" in options and "workers" in options:
        raise InputError(f"--workers = {options['workers']}: the scheduler has workers of its own: leave it out")
    count = whole_number(options, "workers", 1, 1, MOST_WORKERS) if "workers" in options else None
    return Workers(count, options.get("scheduler"))
