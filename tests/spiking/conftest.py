"""What tests of training in this family share: a run that is stopped and resumed until it ends."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from ctsigprop.runs import RunFolder
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.training import train


@pytest.fixture
def stopped_and_resumed(
    tmp_path: Path, stopping_before: Callable[[int], AbstractContextManager[None]]
) -> Callable[[SpikingSettings, Sequence[int]], RunFolder]:
    """Trains in tmp_path/run to the end, after it was stopped before the given batches, counted from each start."""

    def run_through(settings: SpikingSettings, batches: Sequence[int]) -> RunFolder:
        with RunFolder.create(tmp_path / "run", settings) as run:
            for place, batch in enumerate(batches):
                with stopping_before(batch), pytest.raises(KeyboardInterrupt):
                    train(settings, run, resume=place > 0, quiet=True)
            train(settings, run, resume=True, quiet=True)
        return run

    return run_through
