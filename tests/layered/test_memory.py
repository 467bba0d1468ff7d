import pytest
import torch
from torch import Tensor, nn

from ctsigprop.layered.memory import LiveStorages, peak_memory

CPU = torch.device("cpu")
FLOAT = 4  # bytes

SAMPLES, INPUTS, HIDDEN, OUTPUTS = 5, 3, 4, 2


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS))


@pytest.fixture
def x() -> Tensor:
    return torch.ones(SAMPLES, INPUTS)


def test_without_a_graph_a_layer_holds_its_input_and_its_output(network: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad(), peak_memory(CPU, [x]) as peak:
        network(x)
    hidden = SAMPLES * HIDDEN  # before and after the activation, both alive while it is taken
    assert peak.bytes == FLOAT * (SAMPLES * INPUTS + 2 * hidden)


def test_training_holds_activations_gradients_and_what_the_graph_saves(network: nn.Sequential, x: Tensor) -> None:
    gradient = torch.ones(SAMPLES, OUTPUTS)
    with peak_memory(CPU, [x, gradient]) as peak:
        y = network(x)
        y.backward(gradient)
    given = SAMPLES * INPUTS + SAMPLES * OUTPUTS
    forward = SAMPLES * HIDDEN + SAMPLES * OUTPUTS  # the hidden activation, which the graph keeps, and y
    upper = HIDDEN * OUTPUTS + OUTPUTS  # gradients of the upper layer's weights and biases
    errors = 2 * SAMPLES * HIDDEN  # behind and before the activation, both alive while it is differentiated
    assert peak.bytes == FLOAT * (given + forward + upper + errors)


def test_parameters_do_not_count_and_their_gradients_do(x: Tensor) -> None:
    layer = nn.Linear(INPUTS, HIDDEN)
    gradient = torch.ones(SAMPLES, HIDDEN)
    with peak_memory(CPU) as peak:
        layer(x).backward(gradient)
    assert peak.bytes == FLOAT * (SAMPLES * HIDDEN + INPUTS * HIDDEN + HIDDEN)


def test_what_was_there_before_does_not_count() -> None:
    before = torch.ones(100)
    with peak_memory(CPU) as peak:
        before.add_(1.0)
        before.view(10, 10).t()
    assert peak.bytes == 0


def test_views_of_new_storage_count_once() -> None:
    with peak_memory(CPU) as peak:
        made = torch.ones(100)
        views = [made.view(10, 10), made[:50], made.view(10, 10).t()]
    assert len(views) == 3
    assert peak.bytes == FLOAT * 100


def test_what_is_given_twice_counts_once() -> None:
    before = torch.ones(100)
    with peak_memory(CPU, [before, before.view(10, 10)]) as peak:
        pass
    assert peak.bytes == FLOAT * 100


def test_what_is_freed_makes_room() -> None:
    with peak_memory(CPU) as peak:
        for _ in range(7):
            torch.ones(100)
    assert peak.bytes == FLOAT * 100


def test_what_a_view_keeps_alive_is_not_freed() -> None:
    with peak_memory(CPU) as peak:
        kept = [torch.ones(100)[:1] for _ in range(7)]
    assert len(kept) == 7
    assert peak.bytes == FLOAT * 700


def test_given_tensors_that_die_in_the_block_make_room() -> None:
    given = [torch.ones(100)]
    with LiveStorages(given) as peak:
        given.clear()
        torch.ones(90)
    assert peak.bytes == FLOAT * 100


def test_weights_cast_to_another_precision_count(x: Tensor) -> None:
    layer = nn.Linear(INPUTS, HIDDEN)
    with torch.no_grad(), peak_memory(CPU) as peak, torch.autocast("cpu", torch.bfloat16):
        layer(x)
    bfloat16 = 2
    cast = SAMPLES * INPUTS + INPUTS * HIDDEN + HIDDEN
    assert peak.bytes == bfloat16 * (cast + SAMPLES * HIDDEN)


def test_what_dropout_and_batch_normalisation_save_is_seen() -> None:
    wide = torch.ones(SAMPLES, 1000, requires_grad=True)
    with peak_memory(CPU) as bare:
        kept = nn.functional.leaky_relu(wide)
    with peak_memory(CPU) as saved:
        dropped = nn.functional.dropout(nn.functional.leaky_relu(wide), 0.5)
    assert kept.shape == dropped.shape
    assert saved.bytes >= bare.bytes + FLOAT * 2 * SAMPLES * 1000  # the mask and the result


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_counts_the_same_up_to_its_rounding() -> None:
    device = torch.device("cuda")
    before = torch.ones(1024, device=device)
    with peak_memory(device, [before]) as peak:
        made = before + 1.0
    assert made.shape == before.shape
    assert peak.bytes == 2 * FLOAT * 1024
