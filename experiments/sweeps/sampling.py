"""The random sample of a sweep: settings drawn from intervals and choices."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from sys import float_info
from typing import Any

import numpy as np

from ctsigprop.errors import InputError
from ctsigprop.experiments.sweeps.setting_paths import check_setting
from ctsigprop.settings import require_whole
from ctsigprop.settings.config import groups, nearest

KEYS = ("points", "seed", "settings")
DRAWS_A_POINT = 1000
DIGITS = 6
MOST_WHOLE = 2**53


@dataclass(frozen=True)
class Choices:
    """One of a list of values, each as likely as the others."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """A value."""
        return self.values[rng.integers(len(self.values))]


@dataclass(frozen=True)
class Interval:
    """A number between two others, to six significant digits.

    Attributes:
        low: the smallest that is drawn.
        high: the largest.
        log: uniform in the logarithm.
        whole: whole numbers alone.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> float:
        """A value."""
        if self.whole and not self.log:
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        low, high = np.log([self.low, self.high]) if self.log else (self.low, self.high)
        value = 2 * rng.uniform(low / 2, high / 2)  # high - low may be no float
        value = float(np.exp(value)) if self.log else value
        rounded = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(rounded, self.low), self.high)


@dataclass(frozen=True)
class Sample:
    """Combinations of settings drawn at random.

    Attributes:
        points: how many; more of them leave the first ones as they are.
        seed: of the draw.
        settings: what each is drawn from, by dotted name.
    """

    points: int
    seed: int
    settings: dict[str, Choices | Interval]

    def draw(self) -> list[dict[str, Any]]:
        """Different combinations, {dotted name: value}.

        Raises:
            InputError: there are not so many.
        """
        rng = np.random.default_rng(self.seed)
        drawn: dict[str, dict[str, Any]] = {}
        for _ in range(DRAWS_A_POINT * self.points):
            values = {name: source.draw(rng) for name, source in self.settings.items()}
            drawn.setdefault(repr(values), values)
            if len(drawn) == self.points:
                return list(drawn.values())
        raise InputError(f"sample.points = {self.points}: the settings have only {len(drawn)} combinations")


def sample_from(content: Any, family: str) -> Sample:
    """The sample that a sweep file describes.

    Args:
        content: of its field `sample`.
        family: whose settings are swept.

    Raises:
        InputError: naming the field that cannot be used.
    """
    if not isinstance(content, Mapping):
        raise InputError(f"sample = {content!r}: must be a mapping of {', '.join(KEYS)}")
    for key in content:
        if key not in KEYS:
            raise InputError(f"sample.{key}: no such field: {nearest(str(key), KEYS)}")
    settings = content.get("settings")
    if not isinstance(settings, Mapping) or not settings:
        example = "training.epochs: {low: 5, high: 50, log: true}"
        raise InputError(f"sample.settings = {settings!r}: must be a mapping of settings: {example}")
    for name in settings:
        check_setting("sample.settings", name, family)
    points = require_whole("sample.points", content.get("points"), 1)
    seed = require_whole("sample.seed", content.get("seed", 0), 0)
    return Sample(points, seed, {name: _source(name, source, family) for name, source in settings.items()})


def _source(dotted: str, source: Any, family: str) -> Choices | Interval:
    field = f"sample.settings.{dotted}"
    if not isinstance(source, Mapping) or not (set(source) == {"choices"} or {"low", "high"} <= set(source)):
        raise InputError(f"{field} = {source!r}: must be {{low: A, high: B, log: false}} or {{choices: [A, B]}}")
    if "choices" in source:
        values = source["choices"]
        if not isinstance(values, list) or not values:
            raise InputError(f"{field}.choices = {values!r}: must be a list of one value or more")
        return Choices(tuple(values))
    return _interval(field, dotted, source, family)


def _interval(field: str, dotted: str, source: Mapping[str, Any], family: str) -> Interval:
    group, _, name = dotted.partition(".")
    kind = next(setting.type for setting in fields(groups(family)[group]) if setting.name == name)
    whole = kind in (int, int | None)
    if not whole and kind not in (float, float | None):
        raise InputError(f"{field} = {dict(source)!r}: is no number: give {{choices: [A, B]}}")
    for key in source:
        if key not in ("low", "high", "log"):
            raise InputError(f"{field}.{key}: no such field: {nearest(str(key), ('low', 'high', 'log'))}")
    low, high, log = source["low"], source["high"], source.get("log", False)
    for key, value in (("low", low), ("high", high)):
        numeric = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not numeric or not abs(value) <= (MOST_WHOLE if whole else float_info.max):
            raise InputError(f"{field}.{key} = {value!r}: must be a {'whole' if whole else 'finite'} number")
    if not isinstance(log, bool):
        raise InputError(f"{field}.log = {log!r}: must be true or false")
    if log and low <= 0:
        raise InputError(f"{field}.low = {low!r}: must be greater than 0 where log is true")
    if low >= high:
        raise InputError(f"{field}.low = {low!r}: must be below high = {high!r}")
    return Interval(low, high, log, whole) if whole else Interval(float(low), float(high), log)
