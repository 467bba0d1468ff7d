"""Worker processes of one thread each, on this machine or on a cluster that runs Dask."""

import logging
import multiprocessing.resource_tracker
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cryptography  # noqa: F401  # for Security.temporary, which does not say that it is missing
import dask
from distributed import Client, Future, LocalCluster, as_completed
from distributed.security import Security

from ctsigprop.core.files import read_json
from ctsigprop.core.interrupt import stops
from ctsigprop.core.threads import set_threads
from ctsigprop.errors import InputError, RunFailure

SECONDS_TO_CONNECT = 30
SECONDS_TO_CLOSE = 10
KILLS_A_POINT = 10
HANDED_OUT = 2048
"""Items that wait at the scheduler or are worked on: more than any cluster works on at a time, and soon taken back."""
FILES, FILES_A_WORKER = 64, 16
"""Open files that this process needs, and those for each worker."""

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

    A worker that dies is replaced, and ends when this process does, however that ends. All listen on the loopback
    interface, and answer only who has a certificate that is made anew each time: other users of the machine have none.

    Raises:
        RunFailure: the system allows too few open files.
    """
    _allow_files(workers)
    set_threads(1)
    _silence_dask()
    with _main_module_hidden():
        with dask.config.set(EMBEDDED), _deaf_to_interrupts():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL + 1,
                security=Security.temporary(),
            )
            client = Client(cluster)
        try:
            yield client
        finally:
            with suppress(TimeoutError):  # what is left of them ends with this process
                client.close(SECONDS_TO_CLOSE)
                cluster.close(SECONDS_TO_CLOSE)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Processes that are spawned in the block do not run the program's main module again.

    They need nothing of it, and a script without `if __name__ == "__main__"` would begin anew in each of them.
    """
    main = sys.modules["__main__"]
    before: dict[str, Any] = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    for name in before:
        setattr(main, name, None)
    try:
        yield
    finally:
        vars(main).update(before)


class _Joining(Client):
    """A client that is closed where it cannot start.

    Dask leaves one half open at an address that it cannot read. Whenever that is collected it closes itself, and where
    another client is starting just then, under the same lock, it waits for ever.
    """

    def start(self, **options: Any) -> None:
        try:
            super().start(**options)  # type: ignore[no-untyped-call]
        except BaseException:
            self.close(SECONDS_TO_CLOSE)
            raise


@contextmanager
def joined(scheduler: str) -> Iterator[Client]:
    """Joins the workers of a Dask scheduler, which go on after the block.

    Args:
        scheduler: its address, tcp://HOST:PORT, or the path of its scheduler file.

    Raises:
        InputError: it cannot be reached.
    """
    address = scheduler if "://" in scheduler else _address(Path(scheduler))
    _silence_dask()
    try:
        client = _Joining(address, timeout=SECONDS_TO_CONNECT)
    except Exception as error:  # Dask raises what it will at an address that is none
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
    client: Client, work: Callable[..., Any], items: Iterable[T], *common: Any
) -> Iterator[tuple[T, Any, str | None]]:
    """Calls work(item, *common) for every item on the workers, in their order.

    Yields:
        As they end, the item, what was returned, and why there is nothing: the worker was killed time and again.

    Raises:
        RunFailure: the scheduler is gone.
    """
    call = uuid.uuid4().hex
    numbered = enumerate(items)
    out: dict[Any, tuple[T, Future[Any]]] = {}

    def hand_out() -> "list[Future[Any]]":
        """Fills up what is handed out, once half of it is done."""
        if len(out) > HANDED_OUT // 2:
            return []
        batch = {f"{work.__name__}-{call}-{number}": item for number, item in islice(numbered, HANDED_OUT - len(out))}
        columns = [list(batch.values()), *([value] * len(batch) for value in common)]
        futures: list[Future[Any]] = client.map(work, *columns, key=list(batch), pure=False) if batch else []
        out.update({key: (item, future) for (key, item), future in zip(batch.items(), futures, strict=True)})
        return futures

    done = as_completed(hand_out(), with_results=True, raise_errors=False)
    try:
        for future, result in done:
            item, _ = out.pop(future.key)
            done.update(hand_out())
            match future.status:
                case "finished":
                    yield item, result, None
                case "error":
                    error = future.exception()
                    yield item, None, f"{type(error).__name__}: {error}"
                case _:
                    raise RunFailure("the scheduler is gone: call again to go on")
    finally:
        client.cancel([future for _, future in out.values()], force=True)


def _address(file: Path) -> str:
    """The address of a scheduler file.

    Raises:
        InputError: it is none.
    """
    if not file.is_file():
        raise InputError(f"--scheduler = {file}: no such file: give tcp://HOST:PORT, or a scheduler file")
    content = read_json(file)
    address = content.get("address") if isinstance(content, dict) else None
    if not isinstance(address, str) or "://" not in address:
        raise InputError(f"--scheduler = {file}: is no scheduler file: give the one of `dask scheduler`")
    return address


def _allow_files(workers: int) -> None:
    """Lets this process and its children have as many files open as so many workers need.

    Raises:
        RunFailure: the system does not allow so many.
    """
    if find_spec("resource") is None:  # on Windows
        return
    import resource

    needed = FILES + FILES_A_WORKER * workers
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RunFailure(
            f"ulimit -n = {hard}: {workers} workers need {needed} open files: raise it, or lower --workers"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _silence_dask() -> None:
    """Keeps its tracebacks off the screen: what becomes of a point or a scheduler is said in a line."""
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL + 1)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Threads and processes that are started in the block get no SIGINT or SIGHUP: the main thread handles them.

    Processes that those threads start later inherit it. Windows masks no signals.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    _start_resource_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set(stops()) - {signal.SIGTERM})
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
