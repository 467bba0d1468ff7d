"""The chain of nodes that a NIR graph is: graphs within it opened, recurrent weights taken out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import nir

from ctsigprop.errors import InputError

REMEDY = "export a network of ctsigprop, or bring the graph into this form"

NEURONS = (nir.IF, nir.LIF, nir.LI, nir.I)
PASSED = (nir.Input, nir.Output)
"""Of graphs within the graph: they change nothing."""

Edges = list[tuple[str, str]]


@dataclass(frozen=True)
class Link:
    """One node of a chain.

    Attributes:
        name: in the file, after those of the graphs that it is in.
        node: of NIR.
        recurrent: weights through which the node's spikes come back to it one step later; the node itself where they
            come back as they are.
    """

    name: str
    node: Any
    recurrent: Any = None

    @property
    def where(self) -> str:
        """What a refusal calls it."""
        return f"node {self.name!r} ({type(self.node).__name__})"


def chain_of(graph: nir.NIRGraph) -> list[Link]:
    """Nodes from the input to the output.

    Raises:
        InputError: nodes that branch, join or are not reached.
    """
    nodes, edges = _opened(graph)
    recurrent = _recurrent(nodes, edges)
    links = {name: Link(name, node, recurrent.get(name)) for name, node in nodes.items()}
    ends = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if len(ends) != 1:
        raise InputError(f"must be a chain from one input to one output, has {len(ends)} inputs: {REMEDY}")
    chain = [links[ends[0]]]
    while following := _only(links, (b for a, b in edges if a == chain[-1].name), chain[-1], "gives to"):
        _only(links, (a for a, b in edges if b == following.name), following, "takes from")
        if following in chain:
            raise InputError(
                f"{following.where}: is in a loop: must be in a chain; only neurons may have a loop, through Linear or "
                f"Affine weights: {REMEDY}"
            )
        chain.append(following)
    if not isinstance(chain[-1].node, nir.Output) or chain[-1].name not in graph.nodes:
        raise InputError(f"{chain[-1].where}: leads nowhere: must lead to the output: add an edge")
    if len(chain) != len(nodes):
        lost = next(link for link in links.values() if link not in chain)
        raise InputError(f"{lost.where}: is not on the way from the input to the output: leave it out: {REMEDY}")
    within = [link for link in chain[1:-1] if not isinstance(link.node, PASSED)]
    return [chain[0], *within, chain[-1]]


def _opened(graph: nir.NIRGraph, above: str = "") -> tuple[dict[str, Any], Edges]:
    """Nodes and edges of a graph and of all graphs in it, whose nodes are called GRAPH.NODE."""
    nodes: dict[str, Any] = {}
    edges: Edges = []
    enters, leaves = {}, {}
    for name, node in graph.nodes.items():
        full = enters[name] = leaves[name] = above + name
        if not isinstance(node, nir.NIRGraph):
            nodes[full] = node
            continue
        inner, inner_edges = _opened(node, f"{full}.")
        if len(node.inputs) != 1 or len(node.outputs) != 1:
            raise InputError(f"node {full!r} (NIRGraph): must have one input and one output: {REMEDY}")
        for twice in inner.keys() & {above + other for other in graph.nodes}:
            raise InputError(f"node {twice!r}: is also in the graph {full!r}: rename it")
        nodes |= inner
        edges += inner_edges
        (enters[name],), (leaves[name],) = ([f"{full}.{end}" for end in ends] for ends in (node.inputs, node.outputs))
    edges += [(leaves[a], enters[b]) for a, b in dict.fromkeys(graph.edges)]
    return nodes, edges


def _recurrent(nodes: dict[str, Any], edges: Edges) -> dict[str, Any]:
    """Weights that lead from neurons to themselves, by the neurons' name; they, and their edges, are taken out."""
    found: dict[str, Any] = {}
    for name in [name for name, node in nodes.items() if isinstance(node, NEURONS)]:
        for other in [b for a, b in edges if a == name]:
            weights = other != name and isinstance(nodes[other], nir.Linear | nir.Affine)
            alone = [edge for edge in edges if other in edge] == [(name, other), (other, name)] or (
                [edge for edge in edges if other in edge] == [(other, name), (name, other)]
            )
            if other == name or (weights and alone):
                if name in found:
                    raise InputError(f"node {name!r}: has two recurrent connections: must have one: add them up")
                found[name] = nodes[other]
                edges[:] = [edge for edge in edges if edge != (name, name) and (other == name or other not in edge)]
                if other != name:
                    del nodes[other]
    return found


def _only(links: dict[str, Link], names: Iterable[str], link: Link, does: str) -> Link | None:
    found = list(names)
    if len(found) > 1:
        listed = " and ".join(repr(name) for name in found)
        raise InputError(f"{link.where}: {does} {listed}: must be a chain from one input to one output: {REMEDY}")
    return links[found[0]] if found else None
