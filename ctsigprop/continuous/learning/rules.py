"""Learning rules: what a connection's update is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ctsigprop.continuous.connections import Connection, Outer
from ctsigprop.continuous.learning.continual import continual_phase
from ctsigprop.continuous.learning.correlations import Correlations
from ctsigprop.continuous.learning.pace import Pace
from ctsigprop.continuous.learning.phases import (
    Batch,
    Contrast,
    clamped_contrast,
    contrast,
    coupled_contrast,
    gradient_contrast,
)
from ctsigprop.continuous.network import Array
from ctsigprop.core.registry import Registry
from ctsigprop.settings import choices


def displaced_biases(layer: int, batch: Correlations) -> Array:
    """The change of a layer's rates by the nudge, summed over the batch, (units,)."""
    return batch.change[layer - 1].sum(axis=0)


@dataclass(frozen=True, eq=False)
class Rule:
    """The update of weights and biases at rate 1, from the rates of a batch at its equilibria.

    Attributes:
        terms: of a connection, pairs (pre, post) of (moved, source units) and (moved, target units). The update is the
            sum of the derivatives of post . drive(pre) by the weights: of a matrix, of pre^T post.
        biases: of a layer from 1 to N, the update of its biases, (units,).
        name: by which settings choose it.
        contrast: of a batch at its free equilibria, the equilibria that the rates are taken from.
        within: runs the clamped phase and moves the weights in it; None: they move after it.
    """

    terms: Callable[[Connection, Correlations], Sequence[Outer]]
    biases: Callable[[int, Correlations], Array] = displaced_biases
    name: str = "own_rule"
    contrast: Callable[[Batch], Contrast] = contrast
    within: "Callable[[Batch, Rule, Pace], Contrast] | None" = None

    def __repr__(self) -> str:
        return f"Rule({self.name!r})"


def _eq_14(connection: Connection, batch: Correlations) -> tuple[Outer, ...]:
    """Eq. 14 of the paper.

    A directed connection takes rho(s_i^0) (rho(s_j^plus) - rho(s_j^minus)) / span, a symmetric one
    (rho(s_i^plus) rho(s_j^plus) - rho(s_i^minus) rho(s_j^minus)) / span (Scellier & Bengio 2017).
    """
    i, j = connection.source, connection.target
    if connection.symmetric:
        plus, minus = batch.plus[j] * batch.weights, batch.minus[j] * -batch.weights
        return Outer(batch.plus[i], plus), Outer(batch.minus[i], minus)
    return (Outer(batch.free[i], batch.change[j - 1]),)


def gradient_terms(connection: Connection, rates: Sequence[Array], downhill: Sequence[Array]) -> tuple[Outer, ...]:
    """Minus dL / dW at the free equilibrium, term by term; a symmetric connection drives both of its layers.

    Args:
        connection: of the matrix.
        rates: of layers 0 to N.
        downhill: minus dL / dnet of layers 1 to N.
    """
    i, j = connection.source, connection.target
    there = Outer(rates[i], downhill[j - 1])
    return (there, Outer(downhill[i - 1], rates[j], at=rates[i])) if connection.symmetric else (there,)


def _downhill(connection: Connection, batch: Correlations) -> tuple[Outer, ...]:
    return gradient_terms(connection, batch.free, batch.change)


EQ14 = Rule(_eq_14, name="eq14")

CONTRASTIVE = Rule(_eq_14, name="contrastive", contrast=clamped_contrast)
"""Contrastive Hebbian learning: the outputs are held at the target (Movellan 1991)."""

COUPLED = Rule(_eq_14, name="coupled", contrast=coupled_contrast)
"""Coupled learning: the outputs are held a part beta of their way to the target (Stern et al. 2021)."""

EXACT = Rule(_downhill, name="exact", contrast=gradient_contrast)
"""The gradient of the loss at the free equilibrium: recurrent backpropagation (Almeida 1987; Pineda 1987).

No local rule, but the reference: what the best update of this network would be.
"""

CONTINUAL = Rule(_eq_14, name="continual", within=continual_phase)
"""Eq. 14 in every step of the clamped phase (Ernoult et al. 2020)."""

RULES: Registry[Rule] = choices.RULES
