"""Training a run of any family in its folder, with every measure, and drawing what it learned."""

from pathlib import Path
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.library.run import trained_in
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, DiscreteSettings, OwnSettings, SpikingSettings


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
        CtsigpropError: as the `train` of the family does; a run whose network was made in Python.
        KeyboardInterrupt: after the state was saved.
    """
    if isinstance(settings, OwnSettings):
        raise InputError(
            f"{run.path}: the network of these settings was made in Python: train it there, with "
            "ctsigprop.fit(learner, data, run_dir=...), and resume=True to go on"
        )
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


def draw_figures(run: RunFolder, settings: AnySettings) -> list[Path]:
    """Draw what a finished run has learned into its folder.

    Args:
        run: its folder.
        settings: of the run.

    Returns:
        Paths of the figures.

    Raises:
        InputError: metrics or a checkpoint that are not as a run wrote them, or other data than the run learned.
        RunFailure: the folder cannot be written.
    """
    from ctsigprop.analysis.plots.figures import Finished, figures_of

    return figures_of(Finished(settings, run.metrics(), lambda: trained_in(run, settings))).save(run.figures)
