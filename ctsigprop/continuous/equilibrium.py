"""Fixed points of Eq. 13 by layer sweeps.

The network is feedforward but for its feedback links, so a whole equilibrium is a fixed point in the states of
the layers that feed back: the ten outputs of a loop network. One sweep settles the layers in order for given
feedback; its residual is |F(s) - s| / |s|, F(s) the balance of every neuron under the input that s gives it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.connections import Link
from ctsigprop.continuous.network import Array, Network, Nudge, Rows
from ctsigprop.settings import SolverSettings
from ctsigprop.solvers.anderson import FixedPoint, fixed_point
from ctsigprop.solvers.result import Status

ANDERSON_DEPTH = 5


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """Where a phase ended.

    Attributes:
        states: of layers 1 to N, each (samples, units).
        output_net: input of the output neurons at the fixed point, without nudging, (samples, classes).
        sweeps: sweeps that each sample took, (samples,).
        residual: relative residual of each sample, (samples,).
        status: SUCCESS, or why some sample has not converged.
    """

    states: tuple[Array, ...]
    output_net: Array
    sweeps: NDArray[np.int64]
    residual: Array
    status: Status

    @property
    def output(self) -> Array:
        """States of the output neurons, (samples, classes)."""
        return self.states[-1]

    def __getitem__(self, rows: Rows) -> "Equilibrium":
        """The equilibria of some of the samples."""
        return Equilibrium(
            tuple(layer[rows] for layer in self.states),
            self.output_net[rows],
            self.sweeps[rows],
            self.residual[rows],
            self.status,
        )


class LayerSweeps:
    """The sweep map of a network: which links carry activity forward, which feed back, and one sweep of them.

    Attributes:
        sources: layers whose states feed back; their states side by side are the unknown u.
    """

    def __init__(self, network: Network) -> None:
        """Sorts the links of `network`; weights are looked at, never copied."""
        self.network = network
        links = list(network.links())
        layers = range(1, network.output + 1)
        self.input_links = [link for link in links if link.source == 0]
        self.forward = {k: [link for link in links if 0 < link.source < link.target == k] for k in layers}
        self.feedback = {k: [link for link in links if link.source >= link.target == k] for k in layers}
        sources = {link.source for found in self.feedback.values() for link in found}
        sources |= {link.target for found in self.feedback.values() for link in found if link.routed}
        if not network.cost.quadratic:  # the nudge then depends on the outputs themselves
            sources.add(network.output)
        self.sources = sorted(sources)

    @cached_property
    def columns(self) -> dict[int, slice]:
        """Where each feeding-back layer stands in u."""
        ends = np.cumsum([0, *(self.network.sizes[layer] for layer in self.sources)])
        return {layer: slice(ends[i], ends[i + 1]) for i, layer in enumerate(self.sources)}

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest value of every unknown, each (units that feed back,)."""
        rhos = self.network.rhos
        edges = [np.full((self.network.sizes[k], 2), rhos[k - 1].bounds) for k in self.sources]
        stacked = np.concatenate([np.empty((0, 2)), *edges]).astype(self.network.dtype)
        return np.ascontiguousarray(stacked[:, 0]), np.ascontiguousarray(stacked[:, 1])

    @property
    def size(self) -> int:
        """Units that feed back: the length of u for one sample."""
        return sum(self.network.sizes[layer] for layer in self.sources)

    def unknowns(self, states: Sequence[Array]) -> Array:
        """u for given states of layers 1 to N, shape (samples, units that feed back)."""
        if len(self.sources) == 1:
            return states[self.sources[0] - 1]
        none = np.empty((len(states[0]), 0), self.network.dtype)
        return np.concatenate([none, *(states[layer - 1] for layer in self.sources)], axis=1)

    def states_from(self, u: Array) -> tuple[Array, ...]:
        """States of layers 1 to N with the feeding-back ones at u and all others at zero."""
        dtype = self.network.dtype
        return tuple(
            u[:, self.columns[layer]] if layer in self.sources else np.zeros((len(u), units), dtype)
            for layer, units in enumerate(self.network.sizes[1:], start=1)
        )

    def at_rest(self, samples: int) -> tuple[Array, ...]:
        """Zero states of layers 1 to N, each (samples, units)."""
        return self.states_from(np.zeros((samples, self.size), self.network.dtype))

    def drive(self, inputs: Array) -> tuple[Array, ...]:
        """What stays constant through a phase: bias and input, for layers 1 to N, each (samples or 1, units)."""
        layers = zip(self.network.layers[1:], self.network.biases, strict=True)
        drive = [layer.spread(bias)[None, :] for layer, bias in layers]
        for link in self.input_links:
            drive[link.target - 1] = link.add({0: inputs}, drive[link.target - 1])
        return tuple(drive)

    def solve(
        self,
        drive: Sequence[Array],
        u: Array,
        solver: SolverSettings,
        nudge: Nudge | None = None,
        tolerance: Array | None = None,
    ) -> Equilibrium:
        """Sweeps every sample to its fixed point.

        Args:
            drive: from `drive`, for the same samples.
            u: where the feeding-back states start, from `unknowns`.
            solver: method `anderson` or `sweeps`, tolerance and cap.
            nudge: the clamped phase's pull; none in the free phase.
            tolerance: of each sample, (samples,); the solver's by default.
        """
        network = self.network
        samples = len(u)
        states = tuple(np.zeros((samples, units), network.dtype) for units in network.sizes[1:])
        if network.output in self.columns:
            # A nudged output of a smooth rho can have more than one balance: it takes the one on its way from u.
            states[-1][...] = u[:, self.columns[network.output]]
        output_net = np.empty_like(states[-1])

        def sweep(u: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
            everyone = len(rows) == samples
            chosen = slice(None) if everyone else rows
            pull = nudge if nudge is None or everyone else nudge[rows]
            local = [layer[chosen] for layer in states]
            base, residual = self._sweep([d if len(d) == 1 else d[chosen] for d in drive], u, local, pull)
            output_net[chosen] = base
            if not everyone:
                for layer, part in zip(states, local, strict=True):
                    layer[rows] = part
            return self.unknowns(local), residual

        depth = ANDERSON_DEPTH if solver.method == "anderson" else 0
        found: FixedPoint = fixed_point(
            sweep,
            u,
            tolerance=solver.tolerance if tolerance is None else tolerance,
            max_sweeps=solver.max_sweeps,
            depth=depth,
            bounds=self.bounds,
        )
        return Equilibrium(states, output_net, found.sweeps, found.residual, found.status)

    def balance_of(
        self, drive: Sequence[Array], states: Sequence[Array], nudge: Nudge | None = None
    ) -> tuple[Array, Array]:
        """How far given states are from their balance, every neuron under the input that they give it.

        Args:
            drive: from `drive`, for the same samples.
            states: of layers 1 to N, each (samples, units).
            nudge: the clamped phase's pull; none in the free phase.

        Returns:
            The outputs' input without nudging, (samples, classes), and each sample's |F(s) - s| / |s|, (samples,).
        """
        network = self.network
        rates = dict(enumerate(network.rates_of(states), start=1))
        squares = np.zeros(len(states[0]), network.dtype)
        for layer, state in enumerate(states, start=1):
            net = _total([*self.forward[layer], *self.feedback[layer]], rates, drive[layer - 1])
            balanced = state.copy()
            if layer == network.output and nudge is not None:
                self.settle_outputs(net, nudge, state, balanced)
            else:
                network.rhos[layer - 1].settle(net, network.leaks[layer - 1], balanced)
            squares += ((balanced - state) ** 2).sum(axis=1)
        return net, _relative(squares, states)

    def settle_outputs(self, net: Array, nudge: Nudge, before: Array, state: Array) -> None:
        """Write the balance of nudged outputs into `state`, from where it stands.

        Args:
            net: input of the output neurons without nudging, (samples, outputs).
            nudge: of these samples.
            before: output states at which the cost's gradient is taken, (samples, outputs); see `Cost`.
            state: (samples, outputs).
        """
        network, cost = self.network, self.network.cost
        if np.isinf(nudge.beta).any():
            np.clip(nudge.target, *network.rhos[-1].bounds, out=state)
            return
        beta = nudge.beta[:, None]
        pull = beta * cost.pull(before, nudge.target)
        stiffness = nudge.beta * network.dtype.type(cost.curvature)
        network.rhos[-1].settle_nudged(net, network.leaks[-1], stiffness, pull, state)

    def _sweep(self, drive: Sequence[Array], u: Array, states: list[Array], nudge: Nudge | None) -> tuple[Array, Array]:
        """Settles layers 1 to N in place for feedback u; returns the outputs' input and each sample's residual."""
        network = self.network
        rhos, leaks = network.rhos, network.leaks
        fed_back = {layer: rhos[layer - 1].rates(u[:, columns]) for layer, columns in self.columns.items()}
        rates: dict[int, Array] = {}
        held: dict[int, Array] = {}
        net = drive[-1]
        for layer, (rho, leak, state) in enumerate(zip(rhos, leaks, states, strict=True), start=1):
            held[layer] = _total(self.forward[layer], rates, drive[layer - 1])
            net = _total(self.feedback[layer], fed_back, held[layer])
            if layer == network.output and nudge is not None:
                before = u[:, self.columns[layer]] if layer in self.columns else state
                self.settle_outputs(net, nudge, before, state)
            else:
                rho.settle(net, leak, state)
            rates[layer] = rho.rates(state)
        squares = np.zeros(len(u), network.dtype)
        for layer, links in self.feedback.items():
            if layer == network.output and nudge is not None:
                if links or not network.cost.quadratic:
                    balanced = states[-1].copy()
                    self.settle_outputs(_total(links, rates, held[layer]), nudge, states[-1], balanced)
                    squares += ((balanced - states[-1]) ** 2).sum(axis=1)
            elif links:
                after = _total(links, rates, held[layer])
                rhos[layer - 1].add_mismatch(after, leaks[layer - 1], states[layer - 1], squares)
        return net, _relative(squares, states)


def _relative(squares: Array, states: Sequence[Array]) -> Array:
    """sqrt(squares) / |s| for each sample, (samples,)."""
    norms = sum(np.vecdot(state, state) for state in states)
    limits = np.finfo(squares.dtype)
    least = np.maximum(limits.tiny, squares / (limits.max / 2))  # the ratio of a silent sample stays finite
    return np.sqrt(squares / np.maximum(norms, least))


def _total(links: Sequence[Link], rates: dict[int, Array], base: Array) -> Array:
    """base + what `links` drive, (samples, units)."""
    for link in links:
        base = link.add(rates, base)
    return base
