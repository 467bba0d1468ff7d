"""`ctsigprop.sweep`: a network is trained at every combination of some settings."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.flags import CONFIGS, shipped_or_path
from ctsigprop.experiments.sweeps.folder import SweepFolder
from ctsigprop.experiments.sweeps.setting_paths import grouped
from ctsigprop.experiments.sweeps.specification import Sweep, sweep_over
from ctsigprop.experiments.sweeps.training import MOST_WORKERS, Workers, train_sweep
from ctsigprop.settings import FAMILIES, AnySettings, require_whole
from ctsigprop.settings.config import CONTINUOUS, FAMILY, check_family, family_of, read_family, read_values, to_values

if TYPE_CHECKING:
    from ctsigprop.experiments.sweeps.table import Table

Base = Mapping[str, Any] | AnySettings | str | PathLike[str]


def sweep(
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    output: str | PathLike[str],
    base: Base | None = None,
    sample: Mapping[str, Mapping[str, Any]] | None = None,
    points: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    quiet: bool = False,
) -> "Table":
    """Train a network at every combination of some settings; called again, go on with what is missing or failed.

    The folder is that of `ctsigprop sweep`, and either goes on with what the other began. Worker processes know
    nothing of what the calling program has added to a registry: with workers=0, which starts none, they need not.

    Args:
        grid: values by dotted name of a setting; every combination of them is trained: {"nudging.beta": [0.1, 1]}.
        output: folder of the sweep, new, empty or that of a sweep.
        base: settings common to all: by group or by dotted name, `family` among them where it is another than
            continuous; settings of a run; or a YAML file or the name of a shipped one.
        sample: settings that are drawn at random, by dotted name: {"low": a, "high": b}, with "log": True in the
            logarithm, or {"choices": [...]}; with a grid, at every combination of it.
        points: combinations to draw for `sample`.
        seed: of the draw.
        workers: worker processes of one thread each, one a core by default; 0: this process, one after another.
        scheduler: address or file of a Dask scheduler, whose workers are taken instead.
        quiet: print nothing.

    Returns:
        A row for each point.

    Raises:
        InputError: an argument that cannot be used.
        RunFailure: points failed; the others are in the folder, and so is why.
        KeyboardInterrupt: what is finished stays.
    """
    if workers is not None:
        require_whole("workers", workers, 0, MOST_WORKERS)
        if scheduler is not None:
            raise InputError(f"workers = {workers}: the scheduler has workers of its own: leave it out")
    asked = _asked(grid, base, sample, points, seed)
    return train_sweep(
        asked,
        SweepFolder(Path(output)),
        Workers(workers, scheduler),
        "this sweep",
        say=_silent if quiet else print,
        quiet=quiet,
    )


def _asked(grid: Any, base: Base | None, sample: Any, points: int | None, seed: int) -> Sweep:
    """The sweep that the arguments describe."""
    if (sample is None) != (points is None):
        raise InputError("sample and points: go together: give both, or neither")
    content = {} if grid is None else {"grid": _plain(grid)}
    if sample is not None:
        content["sample"] = {"points": points, "seed": seed, "settings": _plain(sample)}
    if isinstance(base, str | PathLike):
        path = shipped_or_path(fspath(base), CONFIGS, f"base = {fspath(base)}")
        family = read_family(path)
        return sweep_over(content, read_values(path, family), family)
    if base is not None and not isinstance(base, Mapping):
        if not isinstance(base, tuple(FAMILIES.values())):
            raise InputError(f"base = {base!r}: must be a mapping of settings, settings of a run, or a YAML file")
        below = to_values(base)
        del below["training"]["threads"]  # 1 in a sweep
        return sweep_over(content, below, family_of(base))
    given = _plain(base or {})
    family = check_family(given.pop(FAMILY, CONTINUOUS), f"base.{FAMILY}")
    dotted = {name: given.pop(name) for name in list(given) if "." in str(name)}
    for group, values in grouped(dotted).items():
        given[group] = {**given.get(group, {}), **values}
    return sweep_over({**content, "base": given}, {}, family)


def _plain(value: Any) -> Any:
    """A value as YAML has it: lists, mappings and Python's own numbers."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple | range) else value


def _silent(line: str) -> None:
    """Say nothing."""
