"""What tests of all families share: two runs are the same, one is stopped between batches, what settings do."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import hypothesis
import pytest

from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder, trainer
from ctsigprop.settings import AnySettings

hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

CLOCK = ("seconds", "training_seconds")
PROCESS = {"seconds": None, "thread_pools": None}  # of a summary: what differs from process to process


@pytest.fixture(scope="session")
def rows() -> Callable[[RunFolder], list[dict[str, Any]]]:
    """Gives every epoch's metrics but what the clock says."""

    def read(run: RunFolder) -> list[dict[str, Any]]:
        return [{key: value for key, value in row.items() if key not in CLOCK} for row in run.metrics()]

    return read


@pytest.fixture(scope="session")
def assert_same_run(rows: Callable[[RunFolder], list[dict[str, Any]]]) -> Callable[[RunFolder, RunFolder], None]:
    """Asserts that two finished runs are the same bit for bit, but for what the clock says."""

    def check(run: RunFolder, other: RunFolder) -> None:
        assert rows(run) == rows(other)
        assert {path.name for path in run.path.iterdir()} == {path.name for path in other.path.iterdir()}
        for path in other.path.glob("checkpoint-*.npz"):
            kind = path.stem.removeprefix("checkpoint-")
            arrays, _ = run.load_checkpoint(kind)
            expected, _ = other.load_checkpoint(kind)
            assert arrays.keys() == expected.keys()
            for name in arrays:
                assert arrays[name].tobytes() == expected[name].tobytes(), name
        before, after = (json.loads((one.path / "summary.json").read_text()) for one in (run, other))
        assert {**before, **PROCESS} == {**after, **PROCESS}

    return check


@pytest.fixture
def stopping_before(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[None]]:
    """Stops a run as Ctrl-C would, when the training loop asks for the `batch`th time whether to go on."""

    @contextmanager
    def stopping(batch: int) -> Iterator[None]:
        asked = 0

        def stop() -> bool:
            nonlocal asked
            asked += 1
            return asked == batch

        @contextmanager
        def interrupt() -> Iterator[Callable[[], bool]]:
            yield stop

        with monkeypatch.context() as patch:
            patch.setattr(trainer, "deferred_interrupt", interrupt)
            yield

    return stopping


@pytest.fixture(scope="session")
def assert_inactive_settings() -> Callable[..., None]:
    """Asserts that `inactive` names those settings, and no other, on which what is learned does not depend."""

    def variants(
        settings: AnySettings, others: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[tuple[str, str], AnySettings]]:
        """Settings in which one has its other value, where that goes with the rest."""
        for group, content in others.items():
            for name, value in content.items():
                try:
                    changed: Any = replace(getattr(settings, group), **{name: value})
                    yield (group, name), replace(settings, **{group: changed})
                except InputError:
                    continue

    def check(
        settings: AnySettings,
        others: Mapping[str, Mapping[str, Any]],
        learned: Callable[[Any], Mapping[str, bytes]],
    ) -> None:
        before = learned(settings)
        tried = dict(variants(settings, others))
        same = {which for which, other in tried.items() if other != settings and learned(other) == before}
        assert same == {which for which in settings.inactive if which in tried and tried[which] != settings}

    return check
