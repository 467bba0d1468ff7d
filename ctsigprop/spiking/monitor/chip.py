"""What a network asks of a chip, beside what the chip has."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from ctsigprop.settings.checks import require_whole
from ctsigprop.spiking.monitor.activity import Operations, counted_layers, fan_out
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.shapes import neurons_shape


@dataclass(frozen=True)
class Limits:
    """What a chip has for the whole network (neurons, memory, operations) or at most (fan-in, fan-out).

    Attributes:
        neurons: how many.
        fan_in: connections into one neuron.
        fan_out: connections from one neuron, or input.
        memory: of weights, in bits.
        operations: synaptic operations for a sample.
    """

    neurons: float | None = None
    fan_in: float | None = None
    fan_out: float | None = None
    memory: float | None = None
    operations: float | None = None


@dataclass(frozen=True)
class Demand:
    """What one layer asks; fields are those of `Limits`.

    Weights of a convolution are counted once, as a chip holds them that shares them; biases are left out.
    """

    layer: str
    neurons: int
    fan_in: int
    fan_out: int
    memory: int
    operations: float | None = None


def demands_of(network: SpikingNetwork, bits: int, operations: Sequence[Operations] = ()) -> list[Demand]:
    """What each layer asks, the classification layer last.

    Args:
        network: whose layers are Linear or Conv2d.
        bits: of a weight.
        operations: of each layer, as `Account.operations` counts them; of none where they are left out.

    Raises:
        InputError: bits below 1, recurrent connections, or another layer.
    """
    require_whole("bits", bits, 1)
    counted = {one.layer: one.accumulates + one.multiplies for one in operations}
    demands = []
    for name, weights, inputs in counted_layers(network):
        neurons = 1
        for size in neurons_shape(weights, inputs):
            neurons *= size
        demands.append(
            Demand(
                name,
                neurons,
                fan_in=weights.weight[0].numel(),
                fan_out=int(fan_out(weights, inputs).max()),
                memory=bits * weights.weight.numel(),
                operations=counted.get(name),
            )
        )
    return demands


def table_of(demands: Sequence[Demand], limits: Limits = Limits()) -> str:
    """A row a layer and one for all, and below them what the chip has; what exceeds that is marked with !."""
    names = [one.name for one in fields(Limits)]
    rows = [["", *names]] + [[one.layer, *(_cell(getattr(one, name)) for name in names)] for one in demands]
    whole = {name: _whole(demands, name) for name in names}
    rows.append(["all", *(_cell(whole[name], name in exceeded(demands, limits)) for name in names)])
    rows.append(["chip", *(_cell(getattr(limits, name)) for name in names)])
    return "\n".join(f"{row[0]:<8}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows)


def exceeded(demands: Sequence[Demand], limits: Limits) -> list[str]:
    """Fields of the limits that the network exceeds."""
    found = []
    for one in fields(Limits):
        most, asked = getattr(limits, one.name), _whole(demands, one.name)
        if most is not None and asked is not None and asked > most:
            found.append(one.name)
    return found


def _whole(demands: Sequence[Demand], name: str) -> float | None:
    """Of the network: the largest fan-in and fan-out, else the sum."""
    values = [getattr(one, name) for one in demands]
    if None in values:
        return None
    return max(values) if name in ("fan_in", "fan_out") else sum(values)


def _cell(value: float | None, over: bool = False) -> str:
    return "" if value is None else f"{value:.0f}{'!' if over else ''}"
