"""Networks of convolutions in training: run folders, resume, colour images, augmentation, and that they learn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import ctsigprop as ct
from ctsigprop.data.augment import augmented
from ctsigprop.errors import InputError

QUIET: dict[str, Any] = {"threads": 1, "quiet": True}


def digits(samples: int = 400) -> ct.Dataset:
    data = ct.load_dataset("digits")
    part = slice(samples)
    return ct.Dataset.from_arrays(
        data.train.images[part],
        data.train.labels[part],
        validation=(data.validation.images, data.validation.labels),
        test=(data.test.images, data.test.labels),
    )


def colours(samples: int = 60) -> ct.Dataset:
    """Noise whose class is the brightest of its three channels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=samples)
    images = rng.integers(100, size=(samples, 3, 8, 6), dtype=np.uint8)
    images[np.arange(samples), labels] += 120
    return ct.Dataset.from_arrays(images, labels)


def test_convolutions_with_a_loop_into_each_layer_learn_what_the_output_alone_does_not() -> None:
    data = digits(1400)

    def run(hidden: float, feedback: float) -> ct.Run:
        network = ct.Network.conv_loop([(1, 8, 8), 8, 16, 10], pool="avg", output_rho="linear")
        rates = {"rates": [hidden, hidden, 0.001], "feedback_rate": feedback}
        return ct.fit(network, data, epochs=6, batch_size=10, optimizer="adam", **rates, **QUIET)

    learned, output = run(0.003, 0.0003), run(0.0, 0.0)
    for error in ("train_error", "validation_error", "test_error"):
        assert learned.metrics[-1][error] < 0.8 * output.metrics[-1][error]
    assert set(learned.metrics[-1]["angles"]) == {"W31 vs W12*W23", "W23 vs W32"}
    assert learned.metrics[-1]["angles"]["W31 vs W12*W23"] < 88


@pytest.mark.parametrize("architecture", ["conv_loop", "conv_symmetric", "resnet_symmetric"])
def test_a_run_that_goes_on_is_the_run_that_was_not_stopped(architecture: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"optimizer": "momentum", "rates": 0.01, **QUIET}

    def run(folder: str, epochs: int, *, resume: bool = False) -> ct.Run:
        network = getattr(ct.Network, architecture)([(1, 8, 8), 2, 3, 10])
        return ct.fit(network, digits(60), epochs=epochs, run_dir=tmp_path / folder, resume=resume, **options)

    whole = run("whole", 2)
    run("parts", 1)
    parts = run("parts", 2, resume=True)
    for name, weight in whole.network.parameters().items():
        assert_array_equal(weight, parts.network.parameters()[name])
    for row, other in zip(whole.metrics, parts.metrics, strict=True):
        clocks = {"seconds": 0, "training_seconds": 0}
        assert {**row, **clocks} == {**other, **clocks}


def test_a_network_of_ones_own_comes_back_from_its_folder(tmp_path: Path) -> None:
    data = colours()
    layers = [(3, 8, 6), ct.Layer((4, 4, 3), "tanh"), ct.Layer((4, 4, 3), "tanh"), ct.Layer(3, "linear")]
    layers.insert(3, ct.Layer((4, 4, 3), "tanh"))
    connections = [
        ct.Conv(0, 1, pool=ct.AvgPool(2)),
        ct.Conv(1, 2, symmetric=True, groups=2),
        ct.Conv(2, 3, symmetric=True, kernel=1),
        ct.Skip(1, 3, symmetric=True, gain=0.1),
        ct.Dense(3, 4, symmetric=True),
    ]
    run = ct.fit(ct.Network(layers, connections), data, rates=0.05, epochs=2, run_dir=tmp_path / "own", **QUIET)
    loaded = ct.load_run(tmp_path / "own")
    assert_array_equal(loaded.network.predict(data.test.images), run.network.predict(data.test.images))
    course = ct.simulate(loaded.network, data.test.images[:2], data.test.labels[:2], beta=0.5)
    assert_allclose(course.rates[-1][-1].shape, (2, 3))


def test_colour_images_are_told_apart_by_their_channels() -> None:
    data = colours(300)
    run = ct.fit(
        ct.Network.conv_loop([(3, 8, 6), 6, 3], output_rho="linear"), data, epochs=8, optimizer="adam", **QUIET
    )
    assert run.summary["test_error"] < 15
    flat = run.network.predict(data.test.images)
    assert (flat != data.test.labels).mean() * 100 == pytest.approx(run.summary["test_error"])


def test_augmentation_crops_and_mirrors_what_is_learned_and_nothing_else() -> None:
    data, network = colours(), ct.Network.conv_loop([(3, 8, 6), 2, 3])
    seen: list[np.ndarray] = []

    class Watch(ct.Callback):
        def after_epoch(self, moment: ct.Moment) -> None:
            model = moment.model
            seen.append(model.network.layers[0].images(model._seen(np.arange(4), 1, 0)))

    ct.fit(network, data, epochs=1, augment="crop-flip", callbacks=[Watch()], rates=0.0, **QUIET)
    rng = np.random.default_rng([0, 1, 1, 1])
    expected = augmented(data.train.inputs()[:4].reshape(4, 3, 8, 6), "crop-flip", rng)
    assert_allclose(seen[0], expected)
    with pytest.raises(InputError, match=r"training\.augment = 'crop'"):
        flat = ct.Dataset.from_arrays(np.zeros((20, 5)), np.arange(20) % 2)
        ct.fit(ct.Network.sigprop_loop([5, 4, 2]), flat, augment="crop", epochs=1, **QUIET)


def test_centred_learning_is_refused_with_images() -> None:
    with pytest.raises(InputError, match=r"learning\.centred = True"):
        ct.fit(ct.Network.conv_loop([(1, 8, 8), 2, 10]), digits(40), centred=True, epochs=1, **QUIET)


def test_convolutions_need_images() -> None:
    with pytest.raises(InputError, match="need images"):
        ct.Network.conv_loop([64, 4, 10])
    with pytest.raises(InputError, match="must be fewer layers"):
        ct.Network.conv_loop([(1, 8, 8), 2, 2, 2, 2, 10])


def test_an_image_that_only_matrices_see_is_given_as_its_units() -> None:
    data = colours()
    with pytest.raises(InputError, match=r"layer 0: has shape \(3, 8, 6\): must be of 144 units"):
        ct.fit(ct.Network([(3, 8, 6), 3], [ct.Dense(0, 1)]), data, rates=0.02, epochs=1, **QUIET)
    with pytest.raises(InputError, match=r"layer 0: has no shape: must be of images, \(3, 8, 6\)"):
        layers, connections = [144, (2, 8, 6), 3], [ct.Dense(0, 1), ct.Dense(1, 2)]
        ct.fit(ct.Network(layers, connections), data, rates=0.02, epochs=1, **QUIET)


def test_a_skip_from_the_image_and_feedback_given_from_above_are_trained_and_drawn() -> None:
    connections = [
        *(ct.Skip(0, 1), ct.Conv(1, 2, pool=ct.AvgPool(2)), ct.Conv(2, 3)),
        *(ct.Dense(4, 3, symmetric=True, gain=0.3), ct.Dense(4, 2, gain=0.3)),
    ]
    network = ct.Network([(3, 8, 6), (3, 8, 6), (4, 4, 3), (4, 4, 3), 3], connections)
    run = ct.fit(network, colours(), rates=0.02, epochs=1, callbacks=[ct.Gradients(samples=10)], **QUIET)
    assert set(run.metrics[-1]["angles"]) == {"W42 vs W23*W34", "W34 vs W43"}
    figures = run.figures(colours())
    assert "weights" not in figures


@pytest.mark.parametrize("loops", ["all", (1, 2)])
def test_all_loops_are_those_of_every_hidden_layer(loops: Any) -> None:
    network = ct.Network.sigprop_loop([5, 4, 3, 2], loops=loops)
    assert list(network.weights) == ["W01", "W12", "W23", "W31", "W32"]
    assert network.settings is not None
    assert network.settings.looped == (1, 2)
