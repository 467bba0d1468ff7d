"""Signals that wait until the work can stop without loss."""

import signal
import threading
from collections.abc import Iterator

import pytest

from ctsigprop.core.interrupt import deferred_interrupt, stops, terminated_as_interrupted

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_interrupts_nothing(number: signal.Signals) -> None:
    with deferred_interrupt() as stop:
        assert not stop()
        signal.raise_signal(number)
        assert stop()
        assert stop()
    with deferred_interrupt() as stop:
        assert not stop()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_of_which_nobody_was_told_interrupts_at_the_end(number: signal.Signals) -> None:
    finished = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as stop:
        assert not stop()
        signal.raise_signal(number)
        finished.append(True)
    assert finished


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_interrupts_at_once(first: signal.Signals, second: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        signal.raise_signal(first)
        signal.raise_signal(second)
        pytest.fail("still here after the second signal")


@pytest.mark.parametrize("failure", [None, ValueError])
def test_the_handlers_of_before_come_back(failure: type[Exception] | None) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    if failure is None:
        with deferred_interrupt():
            assert [signal.getsignal(number) for number in SIGNALS] != before
    else:
        with pytest.raises(failure), deferred_interrupt():
            raise failure
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_outside_training_each_signal_interrupts_at_once(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), terminated_as_interrupted():
        signal.raise_signal(number)
        pytest.fail("still here after the signal")


@pytest.fixture
def under_nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_hangup_that_nohup_has_ignored_stays_ignored(under_nohup: None) -> None:
    with terminated_as_interrupted(), deferred_interrupt() as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_where_the_system_knows_no_hangup_the_others_are_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGHUP")
    assert stops() == [signal.SIGINT, signal.SIGTERM]
    with deferred_interrupt() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop()


def test_outside_the_main_thread_nothing_is_touched() -> None:
    seen = []

    def work() -> None:
        before = signal.getsignal(signal.SIGINT)
        with deferred_interrupt() as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, True)]
