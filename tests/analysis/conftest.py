"""Networks of every kind, and small trained ones on random images."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.trained import Trained
from ctsigprop.continuous.training import draw
from ctsigprop.data import Dataset, Split
from ctsigprop.settings import LearningSettings, NetworkSettings, Settings

MakeNetwork = Callable[..., Network]
MakeTrained = Callable[..., Trained]


@pytest.fixture
def make_network() -> MakeNetwork:
    """A network of random weights."""

    def make(
        hidden: Sequence[int] = (12, 9),
        *,
        features: int = 6,
        classes: int = 4,
        seed: int = 0,
        precision: str = "float64",
        **settings: object,
    ) -> Network:
        drawn = NetworkSettings(**{"hidden": tuple(hidden), "precision": precision, "output_gain": 0.3} | settings)
        return build(features, classes, drawn, LearningSettings(rates=(0.1,)), np.random.default_rng(seed))

    return make


def random_split(rng: np.random.Generator, samples: int, shape: tuple[int, ...], classes: int) -> Split:
    return Split(rng.integers(0, 256, (samples, *shape), dtype=np.uint8), rng.integers(0, classes, samples))


@pytest.fixture
def make_trained() -> MakeTrained:
    """A network on random images whose weights have moved away from where they were drawn."""

    def make(shape: tuple[int, ...] = (5, 4), classes: int = 3, moved: float = 0.1, **settings: object) -> Trained:
        rng = np.random.default_rng(5)
        splits = (random_split(rng, samples, shape, classes) for samples in (7, 5, 20))
        data = Dataset("random", classes, shape, *splits)
        network = NetworkSettings(hidden=(8, 6), precision="float64", output_gain=0.3)
        own = Settings(**{"network": network, "learning": LearningSettings(rates=(0.1,))} | settings)
        network = draw(own, data)
        for connection in network.connections:
            connection.weight[...] += moved * rng.normal(size=connection.weight.shape)
        return Trained(own, data, network, epoch=3, initial=draw(own, data))

    return make
