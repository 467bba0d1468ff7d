"""Points of a sweep file: the grid, the sample, names by settings, refusals that name the field."""

import json
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ctsigprop.errors import InputError
from ctsigprop.experiments.sweeps.sampling import Interval
from ctsigprop.experiments.sweeps.specification import SWEEPS, Point, name_of, read_sweep, sweep_from
from ctsigprop.settings import DiscreteSettings, NudgingSettings, Settings, SpikingSettings, TrainingSettings
from ctsigprop.settings.config import settings_from, to_values

Write = Callable[[str], Path]
BETAS = st.lists(st.floats(1e-3, 10), min_size=1, max_size=4, unique=True)
SEEDS = st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def as_file(text: str) -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(text)
        return path

    return as_file


def points_of(content: dict[str, Any]) -> tuple[Point, ...]:
    return sweep_from(content, Path()).points


def sampled(points: int = 50, seed: int = 0, **source: Any) -> list[Any]:
    content = {"sample": {"points": points, "seed": seed, "settings": {"nudging.beta": source}}}
    return [point.swept["nudging.beta"] for point in points_of(content)]


@given(BETAS, SEEDS)
def test_a_grid_is_every_combination_once_the_last_setting_fastest(betas: list[float], seeds: list[int]) -> None:
    points = points_of({"grid": {"nudging.beta": betas, "training.seed": seeds}})
    found = [(point.settings.nudging.beta, point.settings.training.seed) for point in points]
    assert found == list(product(betas, seeds))
    assert len({point.name for point in points}) == len(points)
    assert all(point.settings.training.threads == 1 for point in points)


def test_base_goes_over_config_and_grid_over_both(write: Write, tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text("nudging: {beta: 9}\ntraining: {epochs: 9, seed: 9, threads: 9}\n")
    path = write("config: below.yaml\nbase: {training: {epochs: 3}}\ngrid: {nudging.beta: [0.5]}\n")
    (point,) = read_sweep(path).points
    assert point.settings == Settings(
        nudging=NudgingSettings(beta=0.5), training=TrainingSettings(epochs=3, seed=9, threads=1)
    )


@pytest.mark.parametrize(
    "content",
    [
        {"config": "digits", "grid": {"nudging.beta": [0.1, 1], "learning.fixed": [[], ["loop"]]}},
        {"sample": {"points": 3, "settings": {"nudging.beta": {"low": 0.1, "high": 1}}}, "grid": {"data.limit": [9]}},
        {"config": "mnist-spiking-shallow", "grid": {"training.seed": [0, 1]}},
        {"family": "spiking", "grid": {"data.events": ["/recordings/a", "/recordings/b"]}},
        {"family": "discrete", "base": {"learning": {"algorithm": "bp"}}, "grid": {"learning.rate": [1e-3, 1e-2]}},
    ],
)
def test_what_is_written_down_is_a_sweep_file_of_the_same_points(content: dict[str, Any]) -> None:
    sweep = sweep_from(content, Path())
    again = sweep_from(yaml.safe_load(yaml.safe_dump(sweep.resolved, sort_keys=False)), Path("elsewhere"))
    assert again == sweep


def test_the_shipped_sweeps_are_a_hundred_and_forty_runs_and_sixty_three() -> None:
    beta, rates = (read_sweep(SWEEPS / f"{name}.yaml").points for name in ("beta", "rates"))
    assert (len(beta), len(rates)) == (140, 63)
    assert {point.settings.nudging.beta for point in beta} == {0.02, 0.05, 0.1, 0.2, 0.5, 1, 2}
    assert {point.settings.learning.algorithm for point in rates} == {"sp", "bp", "dfa"}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"family": "discrete"}, DiscreteSettings),
        ({"family": "spiking"}, SpikingSettings),
        ({"config": "mnist-fc-sp"}, DiscreteSettings),
        ({"config": "mnist-spiking-shallow", "family": "spiking"}, SpikingSettings),
        ({"family": "continuous"}, Settings),
        ({}, Settings),
    ],
)
def test_points_are_of_the_family_that_the_file_or_its_config_names(content: dict[str, Any], kind: type) -> None:
    points = points_of({**content, "grid": {"training.seed": [3, 4]}})
    assert [type(point.settings) for point in points] == [kind, kind]
    assert [point.settings.training.seed for point in points] == [3, 4]


def test_an_interval_of_a_number_that_may_be_left_out() -> None:
    source = {"learning.readout_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    points = points_of({"family": "discrete", "sample": {"points": 9, "settings": source}})
    assert all(1e-4 <= point.settings.learning.readout_rate <= 1e-2 for point in points)


def test_a_name_depends_on_every_setting_and_not_on_how_numbers_are_written() -> None:
    plain = settings_from({"nudging": {"beta": 1}, "training": {"threads": 1}})
    assert name_of(plain) == name_of(settings_from(json.loads(json.dumps(to_values(plain)).replace("1.0", "1"))))
    assert name_of(plain) == name_of(settings_from({"nudging": {"beta": 1.0}, "training": {"threads": 1}}))
    others = [{"training": {"seed": 1}}, {"nudging": {"beta": 1.5}}, {"learning": {"fixed": ["loop"]}}]
    assert len({name_of(settings_from(values)) for values in others} | {name_of(plain)}) == 4


def test_a_sample_lies_in_its_interval_and_more_points_keep_the_first() -> None:
    linear = sampled(200, low=0.5, high=2)
    assert 0.5 <= min(linear) < 0.55
    assert 1.95 < max(linear) <= 2
    assert sampled(50, low=0.5, high=2) == linear[:50]
    assert sampled(50, seed=1, low=0.5, high=2) != linear[:50]


@pytest.mark.parametrize("interval", [(-1.7e308, 1.7e308), (-1.0, 3.0), (1e-300, 2e-300)])
def test_an_interval_of_any_width_is_drawn_from_evenly(interval: tuple[float, float]) -> None:
    rng, (low, high) = np.random.default_rng(0), interval
    drawn = np.array([Interval(low, high).draw(rng) for _ in range(4000)])
    counts, _ = np.histogram((drawn / 2 - low / 2) / (high / 2 - low / 2), bins=4, range=(0, 1))
    assert abs(counts - 1000).max() < 4 * np.sqrt(750)


def test_whole_bounds_beyond_every_machine_integer_are_floats() -> None:
    drawn = sampled(9, low=1, high=10**30, log=True)
    assert all(1 <= value <= 1e30 for value in drawn)


@given(
    st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), min_size=2, max_size=2, unique=True),
    st.integers(0, 99),
)
def test_what_was_drawn_before_wide_intervals_could_be_is_drawn_still(bounds: list[float], seed: int) -> None:
    low, high = sorted(bounds)
    value = np.random.default_rng(seed).uniform(low, high)
    expected = min(max(float(f"{value:.6g}"), low), high)
    assert Interval(low, high).draw(np.random.default_rng(seed)) == expected


def test_choices_that_json_cannot_write_are_refused_by_the_setting() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (loop, {date(2020, 1, 1): 1}):
        with pytest.raises(InputError, match=r"^network\.hidden = "):
            sampled_choices("network.hidden", [value])


def sampled_choices(name: str, choices: list[Any]) -> tuple[Point, ...]:
    return points_of({"sample": {"points": 1, "settings": {name: {"choices": choices}}}})


@pytest.mark.parametrize("family", ["continuous", "discrete", "spiking"])
def test_a_name_is_the_hash_of_all_settings_as_json(family: str) -> None:
    points = points_of({"family": family, "grid": {"training.seed": [0, 7], "data.limit": [100, None]}})
    for point in points:
        values = json.loads(json.dumps(to_values(point.settings)), parse_float=lambda text: whole(float(text)))
        content = json.dumps(values, sort_keys=True, separators=(",", ":"))
        assert point.name == name_of(point.settings) == sha256(content.encode()).hexdigest()[:12]


def whole(number: float) -> float:
    return int(number) if number.is_integer() else number


def test_a_wrong_point_among_many_is_refused_before_anything_begins() -> None:
    seeds = [*range(5000), -1]
    with pytest.raises(InputError, match=r"^training\.seed = -1: must be a whole number"):
        points_of({"grid": {"training.seed": seeds}})


def test_a_logarithmic_interval_has_as_many_points_in_every_decade() -> None:
    rng = np.random.default_rng(0)
    drawn = [Interval(0.01, 100, log=True).draw(rng) for _ in range(4000)]
    counts, _ = np.histogram(np.log10(drawn), bins=4, range=(-2, 2))
    assert abs(counts - 1000).max() < 4 * np.sqrt(750)


def test_whole_numbers_are_drawn_for_settings_that_are() -> None:
    settings = {"training.batch_size": {"low": 2, "high": 100, "log": True}, "training.seed": {"low": 0, "high": 3}}
    points = points_of({"sample": {"points": 40, "settings": settings}})
    assert all(2 <= point.settings.training.batch_size <= 100 for point in points)
    assert {point.settings.training.seed for point in points} == {0, 1, 2, 3}


def test_a_sample_of_choices_has_no_combination_twice_and_crosses_the_grid() -> None:
    settings = {"network.hidden": {"choices": [[8], [9]]}, "nudging.beta": {"choices": [0.1, 0.2]}}
    points = points_of({"sample": {"points": 4, "settings": settings}, "grid": {"training.seed": [0, 1]}})
    assert len(points) == 8
    assert {point.settings.network.hidden for point in points} == {(8,), (9,)}


GRID = "grid: {nudging.beta: [1, 2]}\n"
REFUSED = [
    ("", "must be a mapping of family, config, base, grid, sample"),
    ("config: digits\n", "names nothing that is swept"),
    (GRID + "gird: {}\n", "gird: no such field: did you mean grid?"),
    ("grid: {}\n", "grid = {}: must be a mapping of settings to lists"),
    ("config: digits\ngrid:\n", "grid = None: must be a mapping"),
    ("grid: [1]\n", "grid = [1]: must be a mapping"),
    ("grid: {nudging.beta: []}\n", "grid.nudging.beta = []: must be a list of one value or more"),
    ("grid: {nudging.beta: 0.1}\n", "grid.nudging.beta = 0.1: must be a list"),
    ("grid: {nudging.bata: [1]}\n", "grid.nudging.bata: no such setting: did you mean beta?"),
    ("grid: {nudgin.beta: [1]}\n", "grid.nudgin.beta: no such group: did you mean nudging?"),
    ("grid: {beta: [1]}\n", "grid.beta: must be GROUP.SETTING, such as training.seed"),
    ("grid: {5: [1]}\n", "grid.5: must be GROUP.SETTING"),
    ("grid: {nudging.beta: [1, -1]}\n", "nudging.beta = -1: must be a finite number greater than 0"),
    ("grid: {nudging.beta: [high]}\n", "nudging.beta = 'high': must be a finite number"),
    ("grid: {network.hidden: [abc]}\n", "network.hidden = 'abc': must be a list in brackets"),
    ("grid: {nudging.beta: [1, 1.0]}\n", "nudging.beta = 1.0: is there twice"),
    (
        "config: digits\ngrid: {solver.step: [0.1, 0.2]}\n",
        "solver.step: is swept, and nothing depends on it where solver.method = anderson: leave it out",
    ),
    ("grid: {network.hidden: [{a: 1, a: 2}]}\n", "line 1: a is there twice: keep one"),
    ("grid: {training.threads: [1, 2]}\n", "grid.training.threads: is 1 in a sweep"),
    ("grid: {nudging.beta: [1], nudging.beta: [2]}\n", "line 1: nudging.beta is there twice: keep one"),
    (GRID + "config: 3\n", "config = 3: must be a YAML file, or the name of a shipped one"),
    (GRID + "config: none\n", "config = none: no such file: give a YAML file, or one of "),
    (GRID + "config: mnist-spiking-shallow\n", "grid.nudging.beta: no such group: "),
    (
        "family: spiking\nbase: {data: {events: recordings}}\ngrid: {training.seed: [1]}\n",
        "data.events = 'recordings': must be an absolute path in a sweep",
    ),
    (
        "family: spiking\nbase: {data: {events: ~nobodyxyz/x}}\ngrid: {training.seed: [1]}\n",
        "data.events = '~nobodyxyz/x': must be an absolute path in a sweep",
    ),
    (GRID + "family: discrete\n", "grid.nudging.beta: no such group: "),
    (GRID + "family: discreet\n", "family = discreet: must be one of continuous, discrete, spiking"),
    (
        "family: discrete\nconfig: mnist-spiking-shallow\ngrid: {training.seed: [1, 2]}\n",
        "config = mnist-spiking-shallow: is of the spiking family, and family = discrete: leave family out",
    ),
    (
        "family: spiking\nbase: {nudging: {beta: 1}}\ngrid: {training.seed: [1]}\n",
        "nudging = {'beta': 1}: no such group",
    ),
    (
        "family: discrete\nbase: {learning: {algorithm: bp}}\ngrid: {target.loss: [prediction, hebbian]}\n",
        "target.loss: is swept, and nothing depends on it where learning.algorithm = bp: leave it out",
    ),
    (GRID + "base: 3\n", "base = 3: must be a mapping of groups of settings"),
    (GRID + "base: {training: {epoch: 3}}\n", "training.epoch = 3: no such setting: did you mean epochs?"),
    (GRID + "base: {training: {epochs: 0}}\n", "training.epochs = 0: must be a whole number"),
    (GRID + "base: {training: {threads: 2}}\n", "base.training.threads = 2: is 1 in a sweep"),
    (GRID + "base: {nudging: {beta: 2}}\n", "base.nudging.beta: is swept too: keep one"),
    ("sample: 3\n", "sample = 3: must be a mapping of points, seed, settings"),
    ("sample: {points: 3}\n", "sample.settings = None: must be a mapping"),
    ("sample: {point: 3}\n", "sample.point: no such field: did you mean points?"),
]
SAMPLES = [
    ("{low: 1, high: 2}", "0", "sample.points = 0: must be a whole number, at least 1"),
    ("{low: 1}", "9", "sample.settings.nudging.beta = {'low': 1}: must be {low: A, high: B"),
    ("3", "9", "sample.settings.nudging.beta = 3: must be {low: A"),
    ("{low: 2, high: 1}", "9", "sample.settings.nudging.beta.low = 2: must be below high = 1"),
    ("{low: 0, high: 1, log: true}", "9", "nudging.beta.low = 0: must be greater than 0 where log is true"),
    ("{low: 1, high: 2, log: 3}", "9", "nudging.beta.log = 3: must be true or false"),
    ("{low: 1, high: 2, lag: true}", "9", "nudging.beta.lag: no such field: did you mean log?"),
    ("{low: a, high: 2}", "9", "nudging.beta.low = 'a': must be a finite number"),
    ("{low: 1, high: .inf}", "9", "nudging.beta.high = inf: must be a finite number"),
    ("{low: -2, high: -1}", "9", "nudging.beta = -"),
    ("{low: -1.7e308, high: 1.7e308}", "9", "nudging.beta = -"),
    ("{low: 1, high: 1.7e308, log: 1e308}", "9", "nudging.beta.log = 1e+308: must be true or false"),
    ("{choices: []}", "9", "nudging.beta.choices = []: must be a list"),
    ("{choices: [1, 2, 1]}", "9", "sample.points = 9: the settings have only 2 combinations"),
    ("{low: 1, high: 2}", "200000", "names 200,000 points: at most 100,000"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_cannot_be_used_is_refused_by_file_and_field(write: Write, text: str, words: str) -> None:
    refuse(write(text), words)


@pytest.mark.parametrize(("source", "points", "words"), SAMPLES)
def test_a_sample_that_cannot_be_drawn_is_refused(write: Write, source: str, points: str, words: str) -> None:
    refuse(write(f"sample: {{points: {points}, settings: {{nudging.beta: {source}}}}}\n"), words)


def test_an_interval_of_what_is_no_number_is_refused(write: Write) -> None:
    text = "sample: {points: 2, settings: {network.hidden: {low: 1, high: 9}}}\n"
    refuse(write(text), "sample.settings.network.hidden = {'low': 1, 'high': 9}: is no number: give {choices")


def test_a_setting_both_in_grid_and_sample_is_refused(write: Write) -> None:
    text = GRID + "sample: {points: 2, settings: {nudging.beta: {low: 1, high: 9}}}\n"
    refuse(write(text), "sample.settings.nudging.beta: is in the grid too: keep one")


def refuse(path: Path, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_sweep(path)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)
