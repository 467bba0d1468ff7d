"""The network graph: layers 0 (input) to N (output) and the connections between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.continuous.connections import Connection, Link
from ctsigprop.continuous.cost import COSTS, SQUARED_ERROR, Cost
from ctsigprop.continuous.graph import check_graph
from ctsigprop.continuous.layers import Layer
from ctsigprop.continuous.rho import Rho
from ctsigprop.errors import InputError
from ctsigprop.settings import NetworkSettings
from ctsigprop.settings.graph import PoolKind

if TYPE_CHECKING:
    from ctsigprop.continuous.architectures import Architecture, Shape
    from ctsigprop.continuous.device import Device
    from ctsigprop.continuous.prediction import Inference

Array = NDArray[np.floating]
Rows = NDArray[np.integer] | NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Nudge:
    """The pull on the outputs in a clamped phase.

    Attributes:
        beta: strength for each sample, shape (samples,); negative pushes away. Infinite for all of them, the
            outputs are held at the target.
        target: d of Eq. 13, shape (samples, outputs).
    """

    beta: Array
    target: Array

    def __getitem__(self, rows: Rows) -> "Nudge":
        """The nudge of some of the samples."""
        return Nudge(self.beta[rows], self.target[rows])


class Options(TypedDict, total=False):
    """What the networks with a name may be told besides their sizes.

    Attributes:
        rho: firing-rate function, or its name.
        output_rho: that of the output layer; `rho` by default.
        cost: or its name.
        time_constant: leak time constant r of every neuron.
        output_gain: factor on the Glorot-uniform weights into the output layer.
        feedback_gain: factor on those of loops and feedback connections.
        precision: float32 or float64.
    """

    rho: str | Rho
    output_rho: str | Rho
    cost: str | Cost
    time_constant: float
    output_gain: float
    feedback_gain: float
    precision: Literal["float32", "float64"]


class Network:
    """A graph of connections with its biases (paper, Eq. 13).

    Attributes:
        layers: 0 (input) to N (output).
        connections: at most one for each ordered pair of layers, with their weights.
        biases: shape (units,), of images (channels,), for layers 1 to N, changed in place by learning.
        cost: whose gradient nudges the outputs.
        leaks: 1 / r of layers 1 to N, each (units,).
        settings: that name it, of a named architecture.
        inference: how it is asked for predictions, of a trained network.
        device: that its synapses are built on; none where they are ideal.
    """

    def __init__(
        self,
        layers: Sequence[Layer | int | tuple[int, int, int]],
        connections: Sequence[Connection],
        *,
        cost: str | Cost = SQUARED_ERROR,
        biases: Sequence[Array] | None = None,
        precision: str = "float32",
        seed: int | np.random.Generator = 0,
    ) -> None:
        """Draw the weights that are not given, in the order of the connections.

        Args:
            layers: from the input to the output; a number stands for a layer of so many hard sigmoids, (channels,
                height, width) for one of images.
            connections: in any order: `Dense`, `Conv`, `Skip`.
            cost: or the name of one in `COSTS`.
            biases: of layers 1 to N, each (units,), of images (channels,); zero by default.
            precision: float32 or float64, of weights and states.
            seed: of the weights, or a generator to draw them from.

        Raises:
            InputError: a graph that cannot work, with the reason; a weight or bias that does not fit.
        """
        if precision not in ("float32", "float64"):
            raise InputError(f"precision = {precision!r}: must be float32 or float64")
        self.layers = tuple(layer if isinstance(layer, Layer) else Layer.of(layer) for layer in layers)
        check_graph(self.sizes, [(one.source, one.target, one.symmetric) for one in connections])
        self.cost = COSTS.of(cost)
        self.settings: NetworkSettings | None = None
        self.inference: Inference | None = None
        self.device: Device | None = None
        rng = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
        dtype = np.dtype(precision)
        self.connections = tuple(self._with_weight(connection, rng, dtype) for connection in connections)
        given = [np.zeros(layer.biases, dtype) for layer in self.layers[1:]] if biases is None else biases
        self.biases = tuple(given)
        self.leaks = tuple(layer.leak(dtype) for layer in self.layers[1:])
        self._check_biases()

    @classmethod
    def sigprop_loop(
        cls,
        sizes: Sequence[int],
        *,
        loops: Sequence[int] | Literal["all"] = (1,),
        seed: int = 0,
        **options: Unpack[Options],
    ) -> "Network":
        """Forward weights and a loop from the output into hidden layers: signal propagation.

        Args:
            sizes: units of each layer, input first.
            loops: the layers into which the output feeds back, or all; 1 is the first hidden layer.
            seed: of the weights.
            options: see `Options`.

        Raises:
            InputError: a value that is not allowed.
        """
        return cls._named("sigprop_loop", sizes, seed, options, loops=loops)

    @classmethod
    def symmetric(cls, sizes: Sequence[int], *, seed: int = 0, **options: Unpack[Options]) -> "Network":
        """Matrices shared both ways: equilibrium propagation. Arguments and errors as for `sigprop_loop`."""
        return cls._named("symmetric_ep", sizes, seed, options)

    @classmethod
    def random_feedback(cls, sizes: Sequence[int], *, seed: int = 0, **options: Unpack[Options]) -> "Network":
        """Independent matrices both ways. Arguments and errors as for `sigprop_loop`."""
        return cls._named("random_feedback_ep", sizes, seed, options)

    @classmethod
    def conv_loop(
        cls,
        sizes: "Sequence[Shape]",
        *,
        loops: Sequence[int] | Literal["all"] = "all",
        kernel: int = 3,
        pool: PoolKind = "max",
        seed: int = 0,
        **options: Unpack[Options],
    ) -> "Network":
        """Convolutions, each with a pool that halves the images, and loops from the output into hidden layers.

        Args:
            sizes: (channels, height, width) of an image, the channels of each hidden layer, and the outputs.
            loops: the layers into which the output feeds back; all of them by default.
            kernel: side of the kernels, odd.
            pool: max or avg.
            seed: of the weights.
            options: see `Options`.

        Raises:
            InputError: a value that is not allowed.
        """
        return cls._named("conv_loop", sizes, seed, options, loops=loops, kernel=kernel, pool=pool)

    @classmethod
    def conv_symmetric(
        cls,
        sizes: "Sequence[Shape]",
        *,
        kernel: int = 3,
        pool: PoolKind = "max",
        seed: int = 0,
        **options: Unpack[Options],
    ) -> "Network":
        """Convolutions shared both ways. Arguments and errors as for `conv_loop`."""
        return cls._named("conv_symmetric", sizes, seed, options, kernel=kernel, pool=pool)

    @classmethod
    def resnet_symmetric(
        cls,
        sizes: "Sequence[Shape]",
        *,
        kernel: int = 3,
        pool: PoolKind = "max",
        seed: int = 0,
        **options: Unpack[Options],
    ) -> "Network":
        """Stages of three convolutions shared both ways, a skip around the last two; channels are those of each stage.

        Arguments and errors as for `conv_loop`.
        """
        return cls._named("resnet_symmetric", sizes, seed, options, kernel=kernel, pool=pool)

    @classmethod
    def named(
        cls,
        architecture: "str | Architecture",
        sizes: "Sequence[Shape]",
        *,
        loops: Sequence[int] | Literal["all"] = (1,),
        kernel: int = 3,
        pool: PoolKind = "max",
        seed: int = 0,
        **options: Unpack[Options],
    ) -> "Network":
        """A network of an architecture, or of a name in `ARCHITECTURES`, which may heed loops, kernel and pool.

        Arguments and errors as for `sigprop_loop` and `conv_loop`.
        """
        return cls._named(architecture, sizes, seed, options, loops=loops, kernel=kernel, pool=pool)

    @classmethod
    def _named(
        cls, chosen: "str | Architecture", sizes: "Sequence[Shape]", seed: int, options: Options, **more: Any
    ) -> "Network":
        from ctsigprop.continuous.architectures import ARCHITECTURES, named_network

        return named_network(ARCHITECTURES.name_of(chosen), sizes, seed, options, **more)

    def __repr__(self) -> str:
        sizes = "-".join("x".join(map(str, layer.shape or (layer.units,))) for layer in self.layers)
        return f"Network({sizes}, {', '.join(self.weights)}, cost={self.cost.name!r}, {self.dtype})"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, input first."""
        return tuple(layer.units for layer in self.layers)

    @property
    def rhos(self) -> tuple[Rho, ...]:
        """Firing-rate functions of layers 1 to N."""
        return tuple(layer.function for layer in self.layers[1:])

    @property
    def dtype(self) -> np.dtype:
        """Floating-point type of weights and states."""
        return self.biases[0].dtype

    @property
    def output(self) -> int:
        """Number of the output layer."""
        return len(self.layers) - 1

    @property
    def bias_rates(self) -> tuple[float, ...]:
        """Learning rate of the biases of layers 1 to N."""
        return tuple(
            self._rate_from_below(number) if layer.bias_rate is None else layer.bias_rate
            for number, layer in enumerate(self.layers[1:], start=1)
        )

    @property
    def slowest(self) -> float:
        """The largest time constant of a neuron."""
        return 1 / min(float(leak.min()) for leak in self.leaks)

    @property
    def weights(self) -> dict[str, Array]:
        """All weight matrices by name, the arrays themselves."""
        return {connection.name: connection.matrix for connection in self.connections}

    def links(self) -> Iterator[Link]:
        """Every direction in which activity flows; a symmetric connection gives two."""
        for connection in self.connections:
            yield from connection.links()

    def rates_of(self, states: Sequence[Array]) -> tuple[Array, ...]:
        """Firing rates of layers 1 to N for their states, any shape (..., units)."""
        return tuple(rho.rates(state) for rho, state in zip(self.rhos, states, strict=True))

    def slopes_of(self, states: Sequence[Array]) -> list[Array]:
        """d rho(s) / d net at equilibria of layers 1 to N, each (samples, units)."""
        neurons = zip(self.rhos, states, self.leaks, strict=True)
        return [rho.balance_slopes(state, leak) for rho, state, leak in neurons]

    def parameters(self) -> dict[str, Array]:
        """All weights and biases by name, the arrays themselves."""
        return self.weights | {f"b{layer}": bias for layer, bias in enumerate(self.biases, start=1)}

    def load(self, parameters: Mapping[str, Array]) -> None:
        """Copy weights and biases in, all of them or none.

        Raises:
            InputError: a name is missing, a shape is another, or a value is not finite.
        """
        for name, own in self.parameters().items():
            if name not in parameters:
                raise InputError(f"{name} is missing: the checkpoint belongs to another network")
            given = parameters[name]
            if given.shape != own.shape:
                raise InputError(f"{name} has shape {given.shape}: this network needs {own.shape}")
            if not np.isfinite(given).all():
                raise InputError(f"{name} holds values that are not finite: use another checkpoint")
        for name, own in self.parameters().items():
            own[...] = parameters[name]
        self.deliver()

    def on_device(self, device: "Device | None") -> "Network":
        """The same network, with the same stored weights, whose synapses are a device's."""
        if device is None:
            return self
        made = self._with([replace(one, delivered=one.matrix.copy()) for one in self.connections], self.layers[1:])
        made.device = device
        made.deliver()
        return made

    def deliver(self) -> None:
        """Bring what the synapses deliver up to date with what they store."""
        if self.device is not None:
            for connection in self.connections:
                self.device.deliver(connection)

    def copy(self) -> "Network":
        """The same network with weights and biases of its own."""
        made = self._with([replace(one, weight=one.matrix.copy()) for one in self.connections], self.layers[1:])
        made.biases = tuple(bias.copy() for bias in self.biases)
        return made.on_device(self.device)

    def with_rates(self, rates: Mapping[str, float]) -> "Network":
        """The same network, with the same arrays, in which some connections or biases have another learning rate.

        Args:
            rates: by the name of the connection (W12) or of the biases (b1).

        Raises:
            InputError: there is no such parameter.
        """
        for name in rates:
            if name not in self.parameters():
                known = ", ".join(self.parameters())
                raise InputError(f"rates: {name!r} is no connection of this network: it has {known}")
        connections = [replace(one, rate=rates.get(one.name, one.rate)) for one in self.connections]
        above = enumerate(self.layers[1:], start=1)
        layers = [replace(one, bias_rate=rates.get(f"b{layer}", one.bias_rate)) for layer, one in above]
        return self._with(connections, layers)

    def with_rates_of(self, other: "Network") -> "Network":
        """The same network, with the same arrays, and the learning rates and the device of another of its graph."""
        weights = zip(other.connections, self.connections, strict=True)
        made = self._with([replace(theirs, weight=own.matrix) for theirs, own in weights], other.layers[1:])
        made.device = other.device
        made.deliver()
        return made

    def outputs(self, x: ArrayLike) -> Array:
        """Firing rates of the output layer at the free equilibria of new inputs, (samples, outputs).

        Args:
            x: inputs as the user has them, (samples, ...); a trained network scales them as its data were.

        Raises:
            InputError: inputs of another shape, or that are no finite numbers.
            RunFailure: a state is no longer finite.
        """
        from ctsigprop.continuous.prediction import output_states

        return self.rhos[-1].rates(output_states(self, x))

    def predict(self, x: ArrayLike) -> NDArray[np.generic]:
        """Classes of new inputs, int64 (samples,), or the output states of a regression, (samples, outputs).

        Arguments and errors as for `outputs`.
        """
        from ctsigprop.continuous.prediction import predict

        return predict(self, x)

    def _with(self, connections: Sequence[Connection], layers: Sequence[Layer]) -> "Network":
        """The same network, with the same biases, and other connections and layers above the input."""
        above = (self.layers[0], *layers)
        made = Network(above, connections, cost=self.cost, biases=self.biases, precision=self.dtype.name)
        made.settings, made.inference, made.device = self.settings, self.inference, self.device
        return made

    def _with_weight(self, connection: Connection, rng: np.random.Generator, dtype: np.dtype) -> Connection:
        placed = replace(connection, ends=(self.layers[connection.source], self.layers[connection.target]))
        placed.check()
        weight = connection.weight
        if weight is None:
            return replace(placed, weight=placed.drawn(rng, dtype))
        if weight.shape != placed.shape:
            ends = f"layers {connection.source} and {connection.target} of sizes {list(self.sizes)}"
            raise InputError(f"{connection.name} has shape {weight.shape}: {ends} need {placed.shape}")
        if not weight.flags.c_contiguous:
            raise InputError(f"{connection.name} is not C-contiguous: learning could not change it in place: copy it")
        if weight.dtype != dtype:
            raise InputError(f"{connection.name} is {weight.dtype}: must be {dtype}: convert it, or set precision")
        return placed

    def _check_biases(self) -> None:
        if len(self.biases) != self.output:
            raise InputError(f"biases: {len(self.biases)} given: must be {self.output}, for layers 1 to {self.output}")
        for layer, bias in enumerate(self.biases, start=1):
            if bias.shape != (self.layers[layer].biases,):
                raise InputError(
                    f"bias of layer {layer} has shape {bias.shape}: must be ({self.layers[layer].biases},)"
                )

    def _rate_from_below(self, layer: int) -> float:
        from_below = [one.rate for one in self.connections if one.target == layer and one.source < layer]
        return from_below[0] or 0.0 if from_below else 0.0


def require_network(network: object) -> None:
    """Pass a network.

    Raises:
        InputError: it is something else, such as a run.
    """
    if not isinstance(network, Network):
        cure = ": give its .network" if isinstance(getattr(network, "network", None), Network) else ""
        raise InputError(f"network: is of type {type(network).__name__}: must be a Network{cure}")
