"""Figures of a finished run by name: what each is drawn from, and how they are drawn, shown and saved."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ctsigprop.analysis.plots.probe_curves import Rows
from ctsigprop.analysis.plots.style import png_of, save, styled
from ctsigprop.core.files import made
from ctsigprop.core.registry import Registry
from ctsigprop.settings import AnySettings

if TYPE_CHECKING:
    from ctsigprop.continuous.trained import Trained


@dataclass(frozen=True, eq=False)
class Finished:
    """What the figures of a run are drawn from.

    Attributes:
        settings: of the run.
        metrics: one mapping an epoch, as metrics.jsonl holds them: errors in percent, angles in degrees.
        bring: loads what was trained; None where the run is not of the continuous family.
    """

    settings: AnySettings
    metrics: Rows
    bring: Callable[[], "Trained | None"]

    @cached_property
    def trained(self) -> "Trained | None":
        """Network, initial network and data of a run of the continuous family, loaded when first asked for."""
        return self.bring()

    def __repr__(self) -> str:
        return f"Finished({self.settings.title}, {len(self.metrics)} epochs)"


@dataclass(frozen=True, eq=False)
class RunFigure:
    """A figure that is drawn of finished runs once it is added to `FIGURES`.

    Attributes:
        name: of the figure and, in a run folder, of its file.
        draw: the figure of a run; None where the run has nothing for it.
    """

    name: str
    draw: Callable[[Finished], Figure | None]

    def __repr__(self) -> str:
        return f"RunFigure({self.name!r})"


class Figures(dict[str, Figure]):
    """Figures by name. A notebook shows them all; each by itself as well."""

    def save(self, folder: str | PathLike[str], kind: str = "png") -> list[Path]:
        """Save each as NAME.kind and return the paths.

        Args:
            folder: is made where it is missing.
            kind: png, pdf or svg.

        Raises:
            InputError: another kind.
            RunFailure: the folder cannot be written.
        """
        into = made(Path(folder))
        with styled():
            return [save(figure, into / f"{name}.{kind}") for name, figure in self.items()]

    def __repr__(self) -> str:
        return f"Figures({', '.join(self)})"

    def _repr_html_(self) -> str:
        encoded = {name: b64encode(png_of(figure)).decode() for name, figure in self.items()}
        return "".join(f'<img alt="{name}" src="data:image/png;base64,{data}">' for name, data in encoded.items())


def figures_of(run: Finished) -> Figures:
    """Draw every figure of `FIGURES` for which the run has something."""
    if not run.metrics:
        return Figures()
    with styled():
        drawn = {figure.name: figure.draw(run) for figure in FIGURES.values()}
    return Figures({name: figure for name, figure in drawn.items() if figure is not None})


SHIPPED = ("errors", "phases", "angles", "gradient", "stability", "weights", "predictions", "layers")

FIGURES: Registry[RunFigure] = Registry(
    "figure", {name: f"ctsigprop.analysis.plots.shipped:{name.upper()}" for name in SHIPPED}
)
