"""The figures that a page carries inside itself: as many as its size allows, the telling ones first."""

from base64 import b64encode
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from ctsigprop.experiments.page.gather import Found

MEANINGS = {
    "predictions": "Test images with their output rates",
    "weights": "Weights of the first layer",
    "phases": "Residuals and sweeps of both phases",
    "angles": "Angles between the weights of the loop",
    "errors": "Errors over epochs",
    "figure-4": "Alignment of the weights of the loop over training",
    "gradient": "Updates beside the exact gradient",
    "table-5": "Test errors beside the paper's",
    "figure-3": "Distances from inputs to targets, layer by layer",
    "memory-against-depth": "Peak memory against depth",
    "layers": "Loss of each stage and errors of the early exits",
}
DRAWN_ANYWAY = ("angles", "errors")  # as charts of the page itself


def in_order(found: Found) -> list[Path]:
    """All figures: of reproductions, of sweeps, then a kind at a time over all runs."""
    of_runs = [(_rank(path), place, path) for place, run in enumerate(found.every_run()) for path in run.figures]
    return [
        *chain.from_iterable(one.figures for one in found.reproduced),
        *chain.from_iterable(sweep.figures for sweep in found.sweeps),
        *(path for *_, path in sorted(of_runs)),
    ]


def embedded(paths: Sequence[Path], room: int) -> dict[Path, str]:
    """Figures as addresses that hold the image itself, in order, passing over those that `room` bytes do not hold.

    One that cannot be read is passed over too.
    """
    images = {}
    for path in paths:
        try:
            if len(address := f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}") <= room:
                images[path] = address
                room -= len(address)
        except OSError:
            continue
    return images


def in_words(path: Path) -> str:
    """What a figure shows, from the name of its file."""
    return MEANINGS.get(path.stem, path.stem.replace("-", " ").capitalize())


def _rank(path: Path) -> tuple[int, str]:
    """Figures that are known by name in the order of MEANINGS, after others such as time courses."""
    if path.stem in MEANINGS:
        return list(MEANINGS).index(path.stem) + (len(MEANINGS) if path.stem in DRAWN_ANYWAY else 0), path.stem
    return 0, ""
