"""A trained run: what it learned, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctsigprop.data import Dataset
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import error_in_words
from ctsigprop.runs.rows import MetricsRow
from ctsigprop.settings import AnySettings, Settings

if TYPE_CHECKING:
    from ctsigprop.analysis.plots.figures import Figures
    from ctsigprop.continuous.trained import Trained


@dataclass(frozen=True, eq=False)
class Run:
    """What training made.

    Attributes:
        settings: of the run, resolved.
        network: with the weights of the epoch whose validation error is the smallest; it predicts from inputs as the
            user has them.
        metrics: a row for each epoch: errors (of classes in percent, of a regression the mean square), seconds, and
            what callbacks added.
        summary: best epoch, errors, seconds, versions of packages, source revision, processor.
        path: folder of the run; None where none was asked for.
        trained: network, initial network and data of a run of the continuous family that `fit` has just made.
    """

    settings: AnySettings
    network: Any
    metrics: Sequence[MetricsRow]
    summary: Mapping[str, Any]
    path: Path | None = None
    trained: "Trained | None" = None

    def figures(self, data: Dataset | None = None) -> "Figures":
        """Draw what the run learned: every figure of `FIGURES` for which it has something, by name.

        Args:
            data: of the run, where it was loaded from a folder that does not name them; what it names by default.

        Raises:
            InputError: the data are not those that the run learned, or cannot be brought back.
            RunFailure: a dataset is not here, and its download failed.
        """
        from ctsigprop.analysis.plots.figures import Finished, figures_of

        return figures_of(Finished(self.settings, self.metrics, lambda: self._trained(data)))

    def _trained(self, data: Dataset | None) -> "Trained | None":
        if self.trained is not None or self.path is None:
            return self.trained
        return trained_in(RunFolder.open(self.path), self.settings, data)

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path else ""
        if not self.summary:
            return f"Run({self.settings.title}, {len(self.metrics)} epochs, not finished{where})"
        epochs, error = self.summary["epochs"], error_in_words(self.summary["test_error"], self.summary)
        return f"Run({self.settings.title}, {epochs} epochs, test error {error}{where})"


def trained_in(folder: RunFolder, settings: AnySettings, data: Dataset | None = None) -> "Trained | None":
    """What a run of the continuous family has trained, with the weights of its best epoch; None of another family.

    Args:
        folder: of the run.
        settings: of the run.
        data: of the run; what the settings name by default.

    Raises:
        InputError: a checkpoint that is not as a run wrote it, or other data than the run learned.
        RunFailure: a dataset is not here, and its download failed.
    """
    if not isinstance(settings, Settings):
        return None
    from ctsigprop.continuous.trained import load_trained

    return load_trained(folder, data=data)
