"""Worker processes of one thread each, on this machine or on a cluster that runs Dask."""

import logging
import multiprocessing.resource_tracker
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import dask
from distributed import Client, LocalCluster, as_completed

from ctsigprop.errors import InputError, RunFailure
from ctsigprop.threads import set_threads

SECONDS_TO_CONNECT = 30
SECONDS_TO_CLOSE = 10
KILLS_A_POINT = 10

EMBEDDED = {
    "distributed.scheduler.allowed-failures": KILLS_A_POINT,
    "distributed.scheduler.worker-saturation": 1.0,  # no point waits behind another at one worker
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    # Dask lowers malloc's threshold, which has every large array mapped anew: slower training.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}

T = TypeVar("T")


@contextmanager
def embedded(workers: int) -> Iterator[Client]:
    """Starts so many worker processes on this machine and ends them with the block.

    A worker that dies is replaced, and ends when this process does, however that ends.
    """
    set_threads(1)
    _silence_dask()
    with dask.config.set(EMBEDDED), _deaf_to_interrupts():
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL + 1,
        )
        client = Client(cluster)
    try:
        yield client
    finally:
        with suppress(TimeoutError):  # what is left of them ends with this process
            client.close(SECONDS_TO_CLOSE)
            cluster.close(SECONDS_TO_CLOSE)


@contextmanager
def joined(scheduler: str) -> Iterator[Client]:
    """Joins the workers of a Dask scheduler, which go on after the block.

    Args:
        scheduler: its address, tcp://HOST:PORT, or the path of its scheduler file.

    Raises:
        InputError: it cannot be reached.
    """
    where = {"address": scheduler} if "://" in scheduler else {"scheduler_file": scheduler}
    if "scheduler_file" in where and not Path(scheduler).is_file():
        raise InputError(f"--scheduler = {scheduler}: no such file: give tcp://HOST:PORT, or a scheduler file")
    _silence_dask()
    try:
        client = Client(**where, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"--scheduler = {scheduler}: cannot be reached ({reason}): is it running?") from error
    try:
        yield client
    finally:
        with suppress(TimeoutError):
            client.close(SECONDS_TO_CLOSE)


def dashboard(client: Client) -> str:
    """Address of the scheduler's dashboard, and what it needs."""
    needs = "" if find_spec("bokeh") else " (its charts need `pip install bokeh`)"
    return f"{client.dashboard_link}{needs}"


def each_done(
    client: Client, work: Callable[..., Any], items: Sequence[T], *common: Any
) -> Iterator[tuple[T, Any, str | None]]:
    """Calls work(item, *common) for every item on the workers, in their order.

    Yields:
        As they end, the item, what was returned, and why there is nothing: the worker was killed time and again.

    Raises:
        RunFailure: the scheduler is gone.
    """
    call = uuid.uuid4().hex
    keys = [f"{work.__name__}-{call}-{place}" for place in range(len(items))]
    futures = client.map(work, items, *([value] * len(items) for value in common), key=keys, pure=False)
    places = dict(zip(keys, items, strict=True))
    try:
        for future, result in as_completed(futures, with_results=True, raise_errors=False):
            item = places[future.key]
            match future.status:
                case "finished":
                    yield item, result, None
                case "error":
                    error = future.exception()
                    yield item, None, f"{type(error).__name__}: {error}"
                case _:
                    raise RunFailure("the scheduler is gone: call again to go on")
    finally:
        client.cancel(futures, force=True)


def _silence_dask() -> None:
    """Keeps its tracebacks off the screen: what becomes of a point or a scheduler is said in a line."""
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL + 1)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Threads and processes that are started in the block get no SIGINT: Ctrl-C is for the main thread to handle.

    Processes that those threads start later inherit it. Windows masks no signals.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    _start_resource_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_resource_tracker() -> None:
    """Starts multiprocessing's own helper first, for it would let SIGINT through again as it starts.

    It is told not to print that semaphores leaked where workers are killed: it removes them.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker:UserWarning"
    try:
        multiprocessing.resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before
