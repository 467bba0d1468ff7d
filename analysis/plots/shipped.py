"""The figures that are drawn of every finished run; those of weights import the continuous family when drawn."""

from matplotlib.figure import Figure

from ctsigprop.analysis.plots import curves, layers, probe_curves
from ctsigprop.analysis.plots.figures import Finished, RunFigure
from ctsigprop.settings import Settings


def _phases(run: Finished) -> Figure | None:
    if not isinstance(run.settings, Settings):
        return None
    return curves.phases_figure(run.metrics, run.settings.solver.tolerance)


def _angles(run: Finished) -> Figure | None:
    found = curves.angle_curves(run.metrics) if isinstance(run.settings, Settings) else {}
    return curves.angle_figure(found, signals=probe_curves.signal_bands(run.metrics)) if found else None


def _gradient(run: Finished) -> Figure | None:
    probed = probe_curves.probed_rows(run.metrics)
    return probe_curves.gradient_figure(probed) if probed else None


def _stability(run: Finished) -> Figure | None:
    probed = probe_curves.probed_rows(run.metrics)
    return probe_curves.stability_figure(probed) if probed else None


def _weights(run: Finished) -> Figure | None:
    if run.trained is None:
        return None
    from ctsigprop.analysis.plots.weights import weights_figure

    return weights_figure(run.trained)


def _predictions(run: Finished) -> Figure | None:
    if run.trained is None:
        return None
    from ctsigprop.analysis.plots.weights import predictions_figure

    return predictions_figure(run.trained)


def _layers(run: Finished) -> Figure | None:
    several = len(run.metrics[-1].get("losses", ())) > 1
    return layers.layers_figure(run.metrics) if several else None


ERRORS = RunFigure("errors", lambda run: curves.error_figure(run.metrics))
PHASES = RunFigure("phases", _phases)
ANGLES = RunFigure("angles", _angles)
GRADIENT = RunFigure("gradient", _gradient)
STABILITY = RunFigure("stability", _stability)
WEIGHTS = RunFigure("weights", _weights)
PREDICTIONS = RunFigure("predictions", _predictions)
LAYERS = RunFigure("layers", _layers)
