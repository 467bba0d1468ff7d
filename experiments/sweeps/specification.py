"""The points of a sweep: a YAML file's grid and random sample as settings, each named by a hash of them.

    family: continuous                  # whose settings these are; that of the config, where there is one
    config: digits                    # a file of settings, or the name of a shipped one
    base:                             # settings on top of it, common to all points
      training: {epochs: 10}
    grid:                             # every combination of these values
      nudging.beta: [0.05, 0.1]
      training.seed: [0, 1, 2]
    sample:                           # at every combination that is drawn from these
      points: 20
      seed: 0
      settings:
        learning.decay: {low: 0.9, high: 1.0}

At least one of grid and sample is required.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.flags import CONFIGS, Values, merged, shipped_or_path
from ctsigprop.experiments.sweeps.sampling import Sample, sample_from
from ctsigprop.experiments.sweeps.setting_paths import THREADS, Setting, check_setting, grouped
from ctsigprop.settings import FAMILIES, AnySettings, DataSettings
from ctsigprop.settings.config import (
    CONTINUOUS,
    FAMILY,
    check_family,
    check_names,
    groups,
    named,
    nearest,
    read_family,
    read_mapping,
    read_values,
)
from ctsigprop.settings.data import OF_A_FILE

SWEEPS = CONFIGS / "sweeps"
KEYS = (FAMILY, "config", "base", "grid", "sample")
MOST_POINTS = 100_000
DIGITS = 12
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
MOST_GROUPS = 4096
"""Groups of settings that are remembered while points are made."""


@dataclass(frozen=True, slots=True)
class Point:
    """One training run of a sweep.

    Attributes:
        name: hash of its settings, and name of its folder.
        swept: the values that tell it from the others, by dotted name.
        settings: all of them.
    """

    name: str
    swept: Setting
    settings: AnySettings


@dataclass(frozen=True)
class Sweep:
    """What a sweep file asks for.

    Attributes:
        points: in the order of the file, the last setting of the grid the fastest.
        swept: dotted names of the settings that vary.
        resolved: a sweep file of the same points that needs no other file.
    """

    points: tuple[Point, ...]
    swept: tuple[str, ...]
    resolved: dict[str, Any]


def read_sweep(path: Path) -> Sweep:
    """Points of a sweep file.

    Raises:
        InputError: naming the file and the field that cannot be used.
    """
    content = read_mapping(path, ", ".join(KEYS))
    with named(path):
        return sweep_from(content, path.parent)


def sweep_from(content: Mapping[str, Any], folder: Path) -> Sweep:
    """Points of the mapping that a sweep file holds.

    Args:
        content: of the file.
        folder: in which the file stands, for the path of its config.

    Raises:
        InputError: naming the field that cannot be used.
    """
    for key in content:
        if key not in KEYS:
            raise InputError(f"{key}: no such field: {nearest(str(key), KEYS)}")
    config = _config(content["config"], folder) if "config" in content else None
    family = _family(content, config)
    below = {} if config is None else read_values(config, family)
    return sweep_over(content, below, family)


def sweep_over(content: Mapping[str, Any], below: Values, family: str) -> Sweep:
    """Points of a sweep over settings that are given.

    Args:
        content: `base`, `grid` and `sample` as in a sweep file; at least one of the last two.
        below: settings that those of `base`, and what is swept, stand over.
        family: whose settings they are.

    Raises:
        InputError: naming the field that cannot be used.
    """
    grid = _grid(content["grid"], family) if "grid" in content else {}
    sample = sample_from(content["sample"], family) if "sample" in content else None
    swept = [*(sample.settings if sample else {}), *grid]
    if not swept:
        raise InputError("names nothing that is swept: give a grid, a sample or both")
    for name in swept:
        if swept.count(name) > 1:
            raise InputError(f"sample.settings.{name}: is in the grid too: keep one")
    base = _base(content.get("base", {}), below, swept, family)
    _check_count(grid, sample)
    cells = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    drawn = sample.draw() if sample else [{}]
    make = _Points(base, family)
    points = tuple(make.point({**outer, **inner}) for outer in drawn for inner in cells)
    _check_distinct(points)
    _check_used(swept, points)
    resolved = {FAMILY: family, "base": base, **{key: content[key] for key in ("grid", "sample") if key in content}}
    return Sweep(points, tuple(swept), resolved)


def _check_used(swept: Sequence[str], points: Sequence[Point]) -> None:
    for dotted in swept:
        group, _, name = dotted.partition(".")
        reason = points[0].settings.inactive.get((group, name))
        if reason and all((group, name) in point.settings.inactive for point in points):
            raise InputError(f"{dotted}: is swept, and nothing depends on it where {reason}: leave it out")


def name_of(settings: AnySettings) -> str:
    """Hash of all settings, the same whether a number is written 1 or 1.0."""
    return _hash({group.name: _canonical_json(getattr(settings, group.name)) for group in fields(settings)})


def _hash(texts: Mapping[str, str]) -> str:
    """Of the canonical JSON of each group."""
    content = ",".join(f'"{name}":{texts[name]}' for name in sorted(texts))
    return sha256(f"{{{content}}}".encode()).hexdigest()[:DIGITS]


def _canonical_json(group: Any) -> str:
    values = dict(vars(group))
    if isinstance(group, DataSettings) and group.file is None:
        for name in OF_A_FILE:
            del values[name]
    return CANONICAL.encode(_canonical(values))


def _canonical(value: Any) -> Any:
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class _Points:
    """Makes points: a group of settings that many of them share is checked, and written for the hash, once."""

    def __init__(self, base: Values, family: str) -> None:
        self._base, self._family, self._kinds = base, family, groups(family)
        self._known: dict[str, tuple[Any, str]] = {}

    def point(self, swept: Setting) -> Point:
        """The point of these values.

        Raises:
            InputError: naming a setting that is refused.
        """
        varied = grouped(swept)
        found = {name: self._group(name, varied.get(name, {})) for name in self._kinds}
        settings = FAMILIES[self._family](**{name: group for name, (group, _) in found.items()})
        resolved = {name: (getattr(settings, name), group, text) for name, (group, text) in found.items()}
        texts = {name: text if own is group else _canonical_json(own) for name, (own, group, text) in resolved.items()}
        return Point(_hash(texts), swept, settings)

    def _group(self, name: str, varied: Mapping[str, Any]) -> tuple[Any, str]:
        """A group of settings, and its part of the hash."""
        key = f"{name} {varied!r}"
        if key not in self._known:
            if len(self._known) == MOST_GROUPS:
                self._known.clear()
            values = {**self._base.get(name, {}), **varied}
            _check_absolute(values)
            group = self._kinds[name](**values)
            self._known[key] = group, _canonical_json(group)
        return self._known[key]


def _check_absolute(values: Mapping[str, Any]) -> None:
    for name in ("events", "file"):
        path = values.get(name)
        if isinstance(path, str) and not os.path.isabs(os.path.expanduser(path)):
            raise InputError(
                f"data.{name} = {path!r}: must be an absolute path in a sweep, which is gone on with anywhere"
            )


def _grid(grid: Any, family: str) -> dict[str, list[Any]]:
    if not isinstance(grid, Mapping) or not grid:
        raise InputError(f"grid = {grid!r}: must be a mapping of settings to lists of values: training.seed: [0, 1]")
    for dotted, values in grid.items():
        check_setting("grid", dotted, family)
        if not isinstance(values, list) or not values:
            raise InputError(f"grid.{dotted} = {values!r}: must be a list of one value or more")
    return dict(grid)


def _base(above: Any, below: Values, swept: list[str], family: str) -> dict[str, dict[str, Any]]:
    """Settings common to all points: those below, those of `base` on top, and one thread."""
    if not isinstance(above, Mapping):
        raise InputError(f"base = {above!r}: must be a mapping of groups of settings")
    check_names(above, family)
    threads = above.get("training", {}).get("threads", 1)
    if threads != 1:
        raise InputError(f"base.{THREADS} = {threads!r}: is 1 in a sweep: leave it out")
    for dotted in swept:
        group, _, name = dotted.partition(".")
        if name in above.get(group, {}):
            raise InputError(f"base.{dotted}: is swept too: keep one")
    base = merged(merged(below, above), {"training": {"threads": 1}})
    varied = grouped(dict.fromkeys(swept))
    return {
        group: {name: value for name, value in values.items() if name not in varied.get(group, {})}
        for group, values in base.items()
    }


def _family(content: Mapping[str, Any], config: Path | None) -> str:
    """That of the config; without one, what `family` says."""
    if config is None:
        return check_family(content.get(FAMILY, CONTINUOUS))
    own = read_family(config)
    if (asked := content.get(FAMILY, own)) != own:
        reason = f"is of the {own} family, and {FAMILY} = {asked}: leave {FAMILY} out, or give another file"
        raise InputError(f"config = {content['config']}: {reason}")
    return own


def _config(name: Any, folder: Path) -> Path:
    if not isinstance(name, str):
        raise InputError(f"config = {name!r}: must be a YAML file, or the name of a shipped one")
    beside = folder / name
    return beside if beside.is_file() else shipped_or_path(name, CONFIGS, f"config = {name}")


def _check_count(grid: Mapping[str, list[Any]], sample: Sample | None) -> None:
    count = prod(len(values) for values in grid.values()) * (sample.points if sample else 1)
    if count > MOST_POINTS:
        raise InputError(f"names {count:,} points: at most {MOST_POINTS:,}: make the grid coarser")


def _check_distinct(points: Sequence[Point]) -> None:
    seen: set[str] = set()
    for point in points:
        if point.name in seen:
            values = ", ".join(f"{name} = {value!r}" for name, value in point.swept.items())
            raise InputError(f"{values}: is there twice: keep each value once")
        seen.add(point.name)
