"""Ctrl-C that waits for a place where the work can stop without loss."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def stops() -> list[signal.Signals]:
    """Signals that ask for an orderly end: SIGINT, SIGTERM and, unless nohup has it ignored, SIGHUP."""
    found = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        found.append(hangup)
    return found


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether one of `stops` came; a second one interrupts at once.

    Outside the main thread, where Python delivers no signals, the function is always False.

    Raises:
        KeyboardInterrupt: a signal arrived that the block did not poll.
    """
    received: list[int] = []
    polled = False

    def stop() -> bool:
        nonlocal polled
        polled = bool(received)
        return polled

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {number: signal.signal(number, note) for number in stops()}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if received and not polled:
        raise KeyboardInterrupt


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP are as Ctrl-C in the block: KeyboardInterrupt, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    others = [number for number in stops() if number != signal.SIGINT]
    previous = {number: signal.signal(number, signal.default_int_handler) for number in others}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
