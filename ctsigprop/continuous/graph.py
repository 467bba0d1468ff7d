"""What makes a graph of layers a network that can work."""

from collections.abc import Collection, Sequence

from ctsigprop.errors import InputError

Edge = tuple[int, int, bool]
"""Source layer, target layer, and whether the connection also drives its source."""


def check_graph(sizes: Sequence[int], edges: Sequence[Edge]) -> None:
    """Pass a graph in which every layer is driven by the input and has a way to the output.

    Layers need no feedback: those without learn nothing from it.

    Args:
        sizes: units of layers 0 (input) to N (output).
        edges: the connections.

    Raises:
        InputError: the first thing that is wrong with it.
    """
    last = len(sizes) - 1
    if last < 1:
        raise InputError(f"layers = {list(sizes)}: must be at least two, an input and an output")
    pairs: set[tuple[int, int]] = set()
    for source, target, symmetric in edges:
        given = f"connection from layer {source} to layer {target}"
        for layer in (source, target):
            if not isinstance(layer, int) or isinstance(layer, bool) or not 0 <= layer <= last:
                raise InputError(f"{given}: layers are numbered 0 (input) to {last} (output)")
        if target == 0 or (symmetric and source == 0):
            raise InputError(f"{given}: nothing drives the input, layer 0: it is given from outside")
        if symmetric and source == target:
            raise InputError(f"{given}: joins a layer to itself, where symmetric says nothing: leave it out")
        ways = [(source, target), (target, source)] if symmetric else [(source, target)]
        if any(way in pairs for way in ways):
            raise InputError(f"{given}: is there twice: keep one, or add their weights")
        pairs.update(ways)
    layers = range(1, last + 1)
    if cut := [layer for layer in layers if layer not in _reached({0}, pairs)]:
        raise InputError(f"layer {cut[0]}: no way leads there from the input: connect it, or leave it out")
    backwards = {(target, source) for source, target in pairs}
    if dead := [layer for layer in range(last) if layer not in _reached({last}, backwards)]:
        raise InputError(f"layer {dead[0]}: no way leads from there to the output: connect it, or leave it out")


def _reached(start: set[int], pairs: Collection[tuple[int, int]]) -> set[int]:
    reached = set(start)
    while grown := {target for source, target in pairs if source in reached} - reached:
        reached |= grown
    return reached
