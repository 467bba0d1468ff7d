"""Rooted trees: the order conditions of Runge-Kutta methods, one tree each.

Reference: Butcher, Numerical Methods for Ordinary Differential Equations (3rd ed.), sec. 300-315;
Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I (2nd ed.), II.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tree = tuple[Any, ...]
"""A rooted tree is the tuple of the trees that hang from its root, in descending order: () is the single node."""


def rooted_trees(order: int) -> Iterator[Tree]:
    """Yield every rooted tree of 1 to `order` nodes, each once."""
    for nodes in range(1, order + 1):
        yield from sorted(_trees(nodes))


def _trees(nodes: int) -> set[Tree]:
    """Every tree of this many nodes: each smaller tree with one leaf more, hung from any of its nodes."""
    if nodes == 1:
        return {()}
    return {grown for tree in _trees(nodes - 1) for grown in _with_leaf(tree)}


def _with_leaf(tree: Tree) -> Iterator[Tree]:
    yield (*tree, ())
    for position, branch in enumerate(tree):
        for grown in _with_leaf(branch):
            yield tuple(sorted((*tree[:position], grown, *tree[position + 1 :]), reverse=True))


def size(tree: Tree) -> int:
    """Return the number of nodes."""
    return 1 + sum(size(branch) for branch in tree)


def density(tree: Tree) -> int:
    """Return the size of the tree times the densities of its branches."""
    return size(tree) * prod(density(branch) for branch in tree)


def elementary_weights(tree: Tree, a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return phi(tree), shape (s,): the product over its branches of a @ phi(branch); ones for a leaf."""
    phi = np.ones(a.shape[0])
    for branch in tree:
        phi = phi * (a @ elementary_weights(branch, a))
    return phi
