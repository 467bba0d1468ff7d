"""What is written as NIR has the same spikes and outputs where SpikingJelly reads it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ctsigprop.settings.spiking import SpikingNetworkSettings, SpikingSettings
from ctsigprop.spiking.monitor.recording import record
from ctsigprop.spiking.network import SpikingNetwork, build

SHAPE, CLASSES, STEPS, SAMPLES = (2, 9, 11), 5, 6, 8


@pytest.fixture
def exchange() -> Any:
    """SpikingJelly's reader, where it and all that it needs is installed."""
    for name in ("nir", "nirtorch", "spikingjelly"):
        pytest.importorskip(name)
    return pytest.importorskip("spikingjelly.activation_based.nir_exchange")


@pytest.fixture
def currents() -> Tensor:
    return 2 * torch.randn((STEPS, SAMPLES, *SHAPE), generator=torch.Generator().manual_seed(1))


def network(currents: Tensor, leak: float) -> SpikingNetwork:
    """One whose batch normalisation has seen something, in inference."""
    settings = SpikingNetworkSettings(channels=(4, 6), units=20, steps=STEPS, leak=leak, threshold=0.3)
    made = build(SpikingSettings(network=settings), SHAPE, CLASSES)
    made.of_sequence(currents)
    return made.eval()


@pytest.mark.parametrize("leak", [0.0, 0.25])
@torch.no_grad()
def test_spikingjelly_reads_it(exchange: Any, currents: Tensor, tmp_path: Path, leak: float) -> None:
    from ctsigprop.spiking.nir.graph import write_graph

    own = network(currents, leak)
    write_graph(own, tmp_path / "network.nir")
    theirs = exchange.import_from_nir(tmp_path / "network.nir", dt=1.0)

    spikes: dict[str, list[Tensor]] = {f"neurons_{number}": [] for number in (1, 2, 3)}
    for name, found in spikes.items():
        theirs.get_submodule(name).register_forward_hook(lambda _, __, left, found=found: found.append(left[0]))
    state, outputs = None, []
    for x in currents:
        output, state = theirs(x, state)
        outputs.append(output)

    expected = record(own, currents)
    for found, layer in zip(spikes.values(), expected.layers, strict=True):
        assert 0.02 < layer.spikes.mean() < 0.98
        assert torch.equal(torch.stack(found), layer.spikes)
    torch.testing.assert_close(torch.stack(outputs), expected.outputs, rtol=1e-5, atol=1e-5)
