"""The public names: they import, say what they take and refuse, are listed in docs/library.md, and print in a line."""

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ctsigprop as ct
from ctsigprop.continuous.architectures import Plan
from ctsigprop.core.registry import Registry
from ctsigprop.settings import DiscreteSettings, NetworkSettings, SpikingSettings

PAGE = (Path(__file__).parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
SUBPACKAGES = {"discrete", "spiking"}
NAMES = sorted(set(ct.__all__) - SUBPACKAGES)


def test_they_are_what_dir_shows() -> None:
    assert dir(ct) == sorted(ct.__all__)
    assert len(set(ct.__all__)) == len(ct.__all__)


def test_they_are_those_of_the_page() -> None:
    listed = {name for line in PAGE[PAGE.index("## Names") :].splitlines() for name in re.findall(r"`(\w+)`", line)}
    assert listed == set(ct.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_takes(name: str) -> None:
    thing = getattr(ct, name)
    if isinstance(thing, Registry):
        assert name.isupper()
        assert len(thing) > 0
        return
    text = inspect.getdoc(thing) or ""
    assert text.endswith(".") or "\n" in text
    if inspect.isclass(thing):
        takes = set(inspect.signature(thing).parameters) - {"args", "kwargs", "self", "message"}
        text += inspect.getdoc(thing.__init__) or ""
        assert all(re.search(rf"^ +(\w+, )*{one}\b.*:", text, re.MULTILINE) for one in takes if one[0] != "_"), takes
    else:
        for one in inspect.signature(thing).parameters:
            assert re.search(rf"^ +{one}: ", text, re.MULTILINE), one
        assert "Raises:" in text


def objects() -> dict[str, Any]:
    """One object of every public kind."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=60)
    data = ct.Dataset.from_arrays(rng.normal(size=(60, 4)) + y[:, None], y)
    net = ct.Network.sigprop_loop([4, 8, 3])
    run = ct.fit(net, data, epochs=1, threads=1, quiet=True)
    wide = ct.Network([4, ct.Layer(500, time_constant=np.ones(500)), 3], [ct.Dense(0, 1), ct.Dense(1, 2)])
    graph = ct.fit(wide, data, epochs=1, threads=1, quiet=True)
    made = [
        *(graph, graph.settings, graph.network, *wide.layers, ct.load_dataset("digits")),
        *(data, data.train, data.scaling, net, *net.layers, *net.connections, run, run.settings, run.figures()),
        *(run.settings.data, run.settings.network, run.settings.learning, run.settings.training, run.settings.solver),
        *(ct.simulate(net, data.test.images[:1], data.test.labels[:1], duration=(1.0, 1.0)), NetworkSettings()),
        *(ct.Sgd(), ct.Adam(), ct.Momentum(), ct.Angles(), ct.Gradients(), ct.EarlyStopping(), ct.Anderson()),
        *(ct.Phases(), ct.Device(noise=0.1)),
        *(DiscreteSettings(), SpikingSettings(), run.trained, Plan(2, (1.0, 1.0), 0.1, NetworkSettings())),
        ct.integrate(lambda t, y, dydt, parameters, layout: None, np.zeros(500), (0, 1)),
    ]
    registries = [thing for name in NAMES if isinstance(thing := getattr(ct, name), Registry)]
    chosen = [one for registry in registries for one in registry.values()]
    return {f"{place} {type(one).__name__}": one for place, one in enumerate([*made, *registries, *chosen])}


def test_each_object_prints_in_two_lines() -> None:
    for name, one in objects().items():
        printed = repr(one)
        assert len(printed) <= 240, (name, printed)
        assert " at 0x" not in printed, (name, printed)
        assert printed.count("\n") <= 1, (name, printed)
