"""A trained run: what it learned, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctsigprop.runs.metrics import error_in_words
from ctsigprop.settings import AnySettings


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
    """

    settings: AnySettings
    network: Any
    metrics: list[dict[str, Any]]
    summary: Mapping[str, Any]
    path: Path | None = None

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path else ""
        if not self.summary:
            return f"Run({self.settings.title}, {len(self.metrics)} epochs, not finished{where})"
        epochs, error = self.summary["epochs"], error_in_words(self.summary["test_error"], self.summary)
        return f"Run({self.settings.title}, {epochs} epochs, test error {error}{where})"
