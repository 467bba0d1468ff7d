"""The figures that a page carries inside itself: as many as its size allows, the telling ones first."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from ctsigprop.core.files import open_regular, read_bytes
from ctsigprop.experiments.report.gather import Found
from ctsigprop.experiments.report.run import FIGURES, Run

PNG = b"\x89PNG\r\n\x1a\n"
ADDRESS = "data:image/png;base64,"

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
    "hardware": "What each property of the device costs",
    "memory-against-depth": "Peak memory against depth",
    "layers": "Loss of each stage and errors of the early exits",
}
DRAWN_ANYWAY = ("angles", "errors")  # as charts of the page itself


def in_order(found: Found, runs: Iterable[Run]) -> list[Path]:
    """Figures of reproductions, of sweeps, then a kind at a time over `runs`."""
    of_runs = [(_rank(path), place, path) for place, run in enumerate(runs) for path in run.figures]
    return [
        *chain.from_iterable(one.figures for one in found.reproduced),
        *chain.from_iterable(sweep.figures for sweep in found.sweeps),
        *(path for *_, path in sorted(of_runs)),
    ]


def embedded(paths: Sequence[Path], room: int) -> dict[Path, str]:
    """Figures as addresses that hold the image itself, in order, passing over those that `room` bytes do not hold.

    One that is refused is passed over too.
    """
    images = {}
    for path in paths:
        with suppress(OSError):
            content = read_bytes(path, _folder(path), most=max(0, room - len(ADDRESS)) * 3 // 4)
            address = f"{ADDRESS}{b64encode(content).decode()}"
            if content.startswith(PNG) and len(address) <= room:
                images[path] = address
                room -= len(address)
    return images


def refusal(path: Path) -> str:
    """Why a figure can be on no page, however small; empty where it can be."""
    try:
        with open_regular(path, _folder(path)) as file:
            return "" if file.read(len(PNG)) == PNG else "is no PNG file"
    except OSError as error:
        return error.strerror or "cannot be read"


def _folder(path: Path) -> Path:
    """The folder of a run, sweep or reproduction that a figure is of."""
    return path.parents[1] if path.parent.name == FIGURES else path.parent


def in_words(path: Path) -> str:
    """What a figure shows, from the name of its file."""
    return MEANINGS.get(path.stem, path.stem.replace("-", " ").capitalize())


def _rank(path: Path) -> tuple[int, str]:
    """Figures that are known by name in the order of MEANINGS, after others such as time courses."""
    if path.stem in MEANINGS:
        return list(MEANINGS).index(path.stem) + (len(MEANINGS) if path.stem in DRAWN_ANYWAY else 0), path.stem
    return 0, ""
