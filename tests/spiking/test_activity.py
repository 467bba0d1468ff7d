"""Firing, synaptic operations and energy against networks small enough to count by hand, and against brute force."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ctsigprop.spiking.monitor.activity import FiringCount, OperationCount, Operations, are_spikes, fan_out


def counted(*batches: Tensor) -> FiringCount:
    count = FiringCount("layer 1")
    for batch in batches:
        count.add(batch)
    return count


def test_rates_dead_and_saturated_neurons_counted_by_hand() -> None:
    spikes = torch.tensor([[[1, 0, 0], [1, 0, 1]], [[1, 0, 0], [1, 0, 0]]]).float()  # 2 steps, 2 samples, 3 neurons
    found = counted(spikes).result()
    assert (found.layer, found.neurons, found.dead, found.saturated) == ("layer 1", 3, 1, 1)
    assert found.rate == 5 / 12
    assert found.sparsity == pytest.approx(7 / 12)


def test_a_neuron_is_dead_only_if_no_batch_wakes_it() -> None:
    silent, loud = torch.zeros(2, 3, 2, 1, 2), torch.ones(2, 1, 2, 1, 2)
    assert (counted(silent).result().dead, counted(silent).result().saturated) == (4, 0)
    both = counted(silent, loud).result()
    assert (both.neurons, both.dead, both.saturated, both.rate) == (4, 0, 0, 0.25)


def test_nothing_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="layer 1: no samples were counted"):
        FiringCount("layer 1").result()
    with pytest.raises(ValueError, match="output: no samples were counted"):
        OperationCount("output", nn.Linear(2, 3), (2,)).result()


def test_fan_out_of_a_convolution_with_borders_by_hand() -> None:
    corner, edge, inside = 5 * 4, 5 * 6, 5 * 9  # a 3 x 3 kernel, padding 1: positions that cover a pixel, 5 channels
    expected = [[corner, edge, corner], [edge, inside, edge], [corner, edge, corner]]
    np.testing.assert_array_equal(fan_out(nn.Conv2d(2, 5, 3, padding=1), (2, 3, 3)), [expected, expected])


def test_fan_out_of_a_fully_connected_layer() -> None:
    np.testing.assert_array_equal(fan_out(nn.Linear(6, 4), (1, 2, 3)), np.full((1, 2, 3), 4))


@settings(max_examples=30)
@given(
    side=st.integers(3, 6),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
)
def test_fan_out_is_how_many_outputs_an_input_reaches(
    side: int, kernel: int, stride: int, padding: int, dilation: int, groups: int
) -> None:
    if side + 2 * padding <= dilation * (kernel - 1):
        return
    layer = nn.Conv2d(2, 4, kernel, stride, padding, dilation, groups, bias=False)
    nn.init.ones_(layer.weight)
    found = fan_out(layer, (2, side, side))
    for place in itertools.product(range(2), range(side), range(side)):
        spike = torch.zeros(1, 2, side, side)
        spike[0, *place] = 1
        assert found[place] == layer(spike).count_nonzero()


def test_operations_of_spikes_by_hand() -> None:
    count = OperationCount("layer 2", nn.Conv2d(1, 2, 3, padding=1), (1, 3, 3))
    spikes = torch.zeros(2, 2, 1, 3, 3)
    spikes[0, 0, 0, 0, 0] = 1  # a corner: 4 positions, 2 channels
    spikes[1, 1, 0, 1, 1] = 1  # the centre: 9 positions, 2 channels
    count.add(spikes)
    assert count.result() == Operations("layer 2", connections=2 * 49, accumulates=(8 + 18) / 2, multiplies=0.0)
    count.add(torch.zeros(2, 2, 1, 3, 3))
    assert count.result().accumulates == 26 / 4


def test_operations_of_a_layer_behind_a_flattening_by_hand() -> None:
    count = OperationCount("output", nn.Linear(8, 10), (2, 2, 2))
    count.add(torch.ones(4, 3, 2, 2, 2))
    assert count.result() == Operations("output", connections=80, accumulates=4 * 80, multiplies=0.0)


def test_events_count_as_often_as_they_occur() -> None:
    count = OperationCount("layer 1", nn.Linear(2, 3), (2,))
    count.add(torch.tensor([[[2.0, 5.0]]]))
    assert count.result().accumulates == 7 * 3


def test_currents_are_multiplied_in_every_step() -> None:
    count = OperationCount("layer 1", nn.Linear(2, 3), (2,))
    count.add(torch.tensor([[[0.5, 0.0]], [[0.5, 0.0]]]))
    found = count.result()
    assert (found.accumulates, found.multiplies) == (0.0, 2 * 6)
    assert found.energy == pytest.approx(12 * 4.6)
    assert found.ann_energy == pytest.approx(6 * 4.6)


@pytest.mark.parametrize(("value", "spikes"), [(0.0, True), (1.0, True), (3.0, True), (0.5, False), (-1.0, False)])
def test_what_counts_as_spikes(value: float, spikes: bool) -> None:
    assert are_spikes(torch.tensor([0.0, value])) is spikes


def test_energy_of_additions() -> None:
    assert Operations("a", connections=100, accumulates=50.0, multiplies=0.0).energy == pytest.approx(45.0)
