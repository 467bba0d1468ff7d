"""Membranes and rasters: which neurons are drawn, and that what is drawn is what happened."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.image import imread

from ctsigprop.analysis.plots.spiking import ROWS, LayerCourse, SampleCourse, chosen_neurons, sample_figure
from ctsigprop.analysis.plots.style import save, styled

THRESHOLD = 1.0
CLASSES = 4


def course(name: str, currents: np.ndarray, steps: int) -> LayerCourse:
    """Integrate-and-fire neurons with constant currents and hard reset."""
    v = np.zeros_like(currents)
    rows = []
    for _ in range(steps):
        v = v + currents
        spikes = (v >= THRESHOLD).astype(np.float32)
        before, v = v, v * (1 - spikes)
        rows.append((before, v, spikes))
    return LayerCourse(name, THRESHOLD, *(np.stack(each) for each in zip(*rows, strict=True)))


def sample(steps: int = 4, neurons: int = 7, label: int | None = 2) -> SampleCourse:
    rng = np.random.default_rng(0)
    layers = [course(f"layer {number}", rng.normal(0.3, 0.5, neurons), steps) for number in (1, 2)]
    outputs = rng.normal(size=(steps, CLASSES)).astype(np.float32)
    return SampleCourse(rng.random((8, 8, 1)), label, "test sample 0", layers, outputs)


def panels(shown: SampleCourse) -> list[Axes]:
    """All panels, row by row, after the image."""
    with styled():
        return list(sample_figure(shown).axes[1:])


def test_neurons_are_chosen_by_how_often_they_spike() -> None:
    own = course("layer 1", np.array([0.0, 0.5, 1.0, 0.2, -1.0, 0.34, 0.5]), steps=4)
    np.testing.assert_array_equal(own.spikes.sum(axis=0), [0, 2, 4, 0, 0, 1, 2])
    assert chosen_neurons(own) == [2, 1, 5, 3]


def test_of_many_numbers_of_spikes_five_are_shown() -> None:
    own = course("layer 1", np.linspace(0, 1, 200), steps=40)
    counts = own.spikes.sum(axis=0)[chosen_neurons(own)]
    assert (len(counts), counts[0], counts[-1]) == (5, 40, 0)
    assert (np.diff(counts) < 0).all()


def test_membranes_are_drawn_before_and_after_each_reset() -> None:
    shown = sample()
    axes, own = panels(shown)[0], shown.layers[0]
    for neuron, trace, fired in zip(chosen_neurons(own), axes.lines[0:-1:2], axes.lines[1:-1:2], strict=True):
        np.testing.assert_array_equal(trace.get_xdata(), [0, 1, 1, 2, 2, 3, 3, 4, 4])
        np.testing.assert_array_equal(trace.get_ydata()[1::2], own.membrane[:, neuron])
        np.testing.assert_array_equal(trace.get_ydata()[2::2], own.reset[:, neuron])
        np.testing.assert_array_equal(fired.get_xdata(), 1 + np.flatnonzero(own.spikes[:, neuron]))
    assert axes.lines[-1].get_ydata()[0] == THRESHOLD


def marks(axes: Axes) -> set[tuple[float, float]]:
    """Step and row of every mark of a raster."""
    (lines,) = (each for each in axes.collections if isinstance(each, LineCollection))
    return {(round(float(segment[:, 0].mean())), float(segment[0, 1])) for segment in lines.get_segments()}


def test_a_raster_has_a_mark_a_spike() -> None:
    shown = sample()
    for number, own in enumerate(shown.layers):
        axes = panels(shown)[2 * number + 1]
        assert marks(axes) == {(step + 1, row + 1) for step, row in zip(*np.nonzero(own.spikes), strict=True)}
        assert axes.get_ylabel() == "neurons"


def test_of_many_neurons_a_raster_shows_some() -> None:
    axes = panels(sample(neurons=1000))[1]
    assert axes.get_ylabel() == f"{ROWS} of the\n1000 neurons"
    assert max(row for _, row in marks(axes)) <= ROWS


@pytest.mark.parametrize("label", [None, 0, 1, 2, 3])
def test_outputs_are_means_so_far_with_the_label_and_its_rival(label: int | None) -> None:
    shown = sample(label=label)
    axes, rates = panels(shown)[-2:]
    names = [str(line.get_label()) for line in axes.lines if str(line.get_label()).startswith("class")]
    means = shown.outputs.mean(axis=0)
    assert len(axes.lines) == CLASSES
    assert f"class {means.argmax()}" in {name.removesuffix(", label") for name in names}
    assert (f"class {label}, label" in names) == (label is not None)
    ends = {float(line.get_ydata()[-1]) for line in axes.lines}
    np.testing.assert_allclose(sorted(ends), sorted(means), rtol=1e-6)
    for line, own in zip(rates.lines, shown.layers, strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * own.spikes.mean(axis=1))


@pytest.mark.parametrize("steps", [1, 25])
def test_few_and_many_steps_are_drawn(tmp_path: Path, steps: int) -> None:
    with styled():
        path = save(sample_figure(sample(steps)), tmp_path / "spikes.png")
    assert imread(path).std() > 0.01


def test_a_layer_that_never_spikes_is_drawn() -> None:
    silent = course("layer 1", np.zeros(3), steps=2)
    shown = SampleCourse(np.zeros((4, 4, 1)), None, "", [silent], np.zeros((2, 1), np.float32))
    assert len(panels(shown)) == 4
