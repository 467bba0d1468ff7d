"""Training a run of any family in its folder, with every measure, and drawing what it learned."""

from pathlib import Path
from typing import Any

from ctsigprop.data import Dataset
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, DiscreteSettings, Settings, SpikingSettings


def train_in(run: RunFolder, settings: AnySettings, processes: int = 1, *, quiet: bool) -> dict[str, Any]:
    """Train in a run's folder, from its last checkpoint where it has one, and log every measure.

    Args:
        run: its folder.
        settings: of the run.
        processes: how many train the layers side by side; more than one in the discrete family only.
        quiet: show no progress.

    Returns:
        The summary that was written.

    Raises:
        CtsigpropError: as the `train` of the family does.
        KeyboardInterrupt: after the state was saved.
    """
    begun = run.checkpoint("last").exists()
    if isinstance(settings, DiscreteSettings):
        if processes > 1:
            from ctsigprop.discrete.parallel.training import train_parallel

            return train_parallel(settings, run, processes, resume=begun, quiet=quiet)
        from ctsigprop.discrete import training

        return training.train(settings, run, resume=begun, quiet=quiet)
    if isinstance(settings, SpikingSettings):
        from ctsigprop.spiking import training as spiking

        return spiking.train(settings, run, resume=begun, quiet=quiet)
    from ctsigprop.analysis.measures.callbacks import measures
    from ctsigprop.continuous.training import train

    return train(settings, run, resume=begun, quiet=quiet, callbacks=measures(settings.probe))


def draw_figures(run: RunFolder, settings: AnySettings, data: Dataset | None = None) -> list[Path]:
    """Draw what a finished run has learned into its folder.

    Args:
        run: its folder.
        settings: of the run.
        data: of the run; what the settings name by default.

    Returns:
        Paths of the figures.

    Raises:
        InputError: metrics or a checkpoint that are not as a run wrote them, or other data than the run learned.
        RunFailure: the folder cannot be written.
    """
    if isinstance(settings, Settings):
        from ctsigprop.analysis.plots.curves import draw_curves
        from ctsigprop.analysis.plots.weights import draw_weights
        from ctsigprop.continuous.trained import load_trained

        trained = load_trained(run, data=data)  # first: of a run that is refused nothing is drawn
        curves = draw_curves(run.metrics(), run.figures, settings.solver.tolerance)
        return [*curves, *draw_weights(trained, run.figures)]
    from ctsigprop.analysis.plots.layers import draw_layers

    return draw_layers(run.metrics(), run.figures)
