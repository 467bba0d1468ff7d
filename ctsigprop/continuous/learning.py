"""Contrastive Hebbian updates (paper, Eq. 14)."""

from collections.abc import Sequence

from scipy.linalg.blas import get_blas_funcs

from ctsigprop.continuous.activations import firing_rate
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.phases import Contrast


def learn(
    network: Network,
    inputs: Array,
    contrast: Contrast,
    *,
    rate_factor: float = 1.0,
    weight_decay: float = 0.0,
) -> None:
    """Moves weights and biases in place by the mean over the batch of Eq. 14.

    A directed connection takes rho(s_i^0) (rho(s_j^plus) - rho(s_j^minus)) / span, a symmetric one
    (rho(s_i^plus) rho(s_j^plus) - rho(s_i^minus) rho(s_j^minus)) / span (Scellier & Bengio 2017). A batch in which
    nudging moved no sample is no update: it takes no weight decay either.

    Args:
        network: changed in place.
        inputs: of the whole batch, (batch, features).
        contrast: the batch's equilibria.
        rate_factor: factor on every connection's rate.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
    """
    if len(contrast.rows) == 0:
        return
    weights = (1 / (contrast.span * len(inputs)))[:, None].astype(network.dtype)
    free = _rates(network, contrast.free, inputs[contrast.rows])
    plus = _rates(network, contrast.plus, free[0])
    minus = _rates(network, contrast.minus, free[0])
    change = [None, *((plus[k] - minus[k]) * weights for k in range(1, network.output + 1))]
    for connection in network.connections:
        rate = rate_factor * connection.rate
        if rate == 0:
            continue
        keep = 1 - rate * weight_decay
        i, j = connection.source, connection.target
        if connection.symmetric:
            add_outer(connection.weight, plus[i], plus[j] * weights, rate, keep)
            add_outer(connection.weight, minus[i], minus[j] * weights, -rate, 1.0)
        else:
            add_outer(connection.weight, free[i], change[j], rate, keep)
    for layer, (bias, bias_rate) in enumerate(zip(network.biases, network.bias_rates, strict=True), start=1):
        if bias_rate != 0:
            bias += rate_factor * bias_rate * change[layer].sum(axis=0)


def _rates(network: Network, states: Sequence[Array], inputs: Array) -> list[Array]:
    """Firing rates of layers 0 to N."""
    return [inputs, *(firing_rate(network.rho, state) for state in states)]


def add_outer(weight: Array, pre: Array, post: Array, factor: float, keep: float) -> None:
    """weight <- keep weight + factor pre^T post, in place and without a temporary.

    Args:
        weight: (source units, target units), C-contiguous.
        pre: (samples, source units).
        post: (samples, target units).
        factor: scales the product.
        keep: scales what was there.
    """
    gemm = get_blas_funcs("gemm", dtype=weight.dtype)
    gemm(factor, post.T, pre.T, trans_b=True, beta=keep, c=weight.T, overwrite_c=True)
