"""Settings that a network's own objects come to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ctsigprop.continuous.connections import Connection, Conv, Dense, Skip
from ctsigprop.continuous.connections.pooling import POOLS, AnyPool
from ctsigprop.continuous.cost import COSTS
from ctsigprop.continuous.learning import OPTIMIZERS, Optimizer
from ctsigprop.continuous.learning.optimizers import Adam, Momentum, OptimizerKind, Sgd
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.rho import RHOS, Rho
from ctsigprop.errors import InputError
from ctsigprop.settings import NetworkSettings
from ctsigprop.settings.graph import ConnectionSettings, LayerSettings

Rates = float | Sequence[float] | Mapping[str, float]


def forward_rates(rates: Rates | None) -> tuple[float, ...]:
    """`learning.rates` of a named architecture.

    Raises:
        InputError: rates by name, which a graph has.
    """
    if isinstance(rates, Mapping):
        raise InputError(
            "rates: are by name: a named architecture takes one number, or one for each forward connection"
        )
    if rates is None:
        return ()
    return (float(rates),) if isinstance(rates, int | float) else tuple(map(float, rates))


def graph_settings(network: Network, rates: Rates | None) -> NetworkSettings:
    """The settings of a network that was given as a graph.

    Args:
        network: its connections may have rates of their own.
        rates: one for all connections, or by name; they come before the connections' own.

    Raises:
        InputError: a rate of no connection, or two functions of one's own that have the same name.
    """
    own: dict[str, Rho] = {}
    for rho in network.rhos:
        if own.setdefault(rho.name, rho) is not rho:
            raise InputError(f"rho: two functions are called {rho.name!r}: give them names of their own")
    rated = network.with_rates(_by_name(network, rates))
    layers = [
        LayerSettings(
            layer.shape or layer.units, RHOS.name_of(layer.function), _constants(layer.time_constant), layer.bias_rate
        )
        for layer in rated.layers[1:]
    ]
    connections = [_connection(one) for one in rated.connections]
    return NetworkSettings(
        "graph",
        cost=COSTS.name_of(network.cost),
        precision=network.dtype.name,  # type: ignore[arg-type]
        layers=tuple(layers),
        connections=tuple(connections),
    )


def _connection(one: Connection) -> ConnectionSettings:
    made = ConnectionSettings(one.source, one.target, one.rate, one.symmetric, one.gain)
    match one:
        case Conv():
            form: dict[str, Any] = {name: getattr(one, name) for name in ("kernel", "stride", "padding", "groups")}
            return replace(made, kind="conv", **form, **_pool(one.pool))
        case Skip():
            return replace(made, kind="skip", **_pool(one.pool))
        case Dense():
            return made
    raise InputError(f"{one.name}: is of type {type(one).__name__}: must be a Dense, a Conv or a Skip to be trained")


def _pool(pool: AnyPool | None) -> dict[str, Any]:
    if pool is None:
        return {}
    if pool.step != pool.size:
        raise InputError(f"pool: has a stride of {pool.step}: must be its size, {pool.size}, in what `fit` trains")
    return {"pool": next(name for name, kind in POOLS.items() if isinstance(pool, kind)), "pool_size": pool.size}


def optimizer_settings(optimizer: str | Optimizer) -> dict[str, Any]:
    """The settings of `learning` that choose an optimizer; one of the user's own is added to `OPTIMIZERS`."""
    if isinstance(optimizer, str):
        return {"optimizer": OPTIMIZERS.check(optimizer)}
    match optimizer:
        case Momentum():
            return {"optimizer": "momentum", "momentum": optimizer.momentum}
        case Adam():
            return {"optimizer": "adam", "betas": tuple(optimizer.betas)}
        case Sgd():
            return {"optimizer": "sgd"}
    return {"optimizer": OPTIMIZERS.name_of(OptimizerKind(optimizer.name, lambda learning: optimizer))}


def _by_name(network: Network, rates: Rates | None) -> Mapping[str, float]:
    """The rates that are given, by the connections' names."""
    if isinstance(rates, int | float):
        return dict.fromkeys(network.weights, float(rates))
    return {} if rates is None else rates if isinstance(rates, Mapping) else _in_order(network, rates)


def _in_order(network: Network, rates: Sequence[float]) -> dict[str, float]:
    if len(rates) != len(network.connections):
        raise InputError(
            f"rates: {len(rates)} given: must be {len(network.connections)}, one for each connection, or by name"
        )
    return dict(zip(network.weights, map(float, rates), strict=True))


def _constants(value: Any) -> float | tuple[float, ...]:
    constants = np.asarray(value, np.float64)
    return float(constants) if constants.ndim == 0 else tuple(constants.tolist())
