"""Signals that wait until the work can stop without loss."""

import signal
import threading

import pytest

from ctsigprop.interrupt import deferred_interrupt

SIGNALS = [signal.SIGINT, signal.SIGTERM]


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
