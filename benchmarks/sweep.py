"""What a sweep gains from a second worker, and what it costs to hand out a point.

The same points are trained by one worker and by two, in folders of their own; each worker first trains one point
more, which is not timed, so that it has loaded its code. Two plain processes beside one, without a scheduler, show what
the machine itself gives. The overhead is the time that points without any work take.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from distributed import Client, wait

from ctsigprop.core.environment import environment
from ctsigprop.experiments.sweeps.cluster import each_done, embedded
from ctsigprop.experiments.sweeps.folder import SweepFolder
from ctsigprop.experiments.sweeps.specification import Point, Sweep, sweep_from
from ctsigprop.experiments.sweeps.worker import train_point

BETAS = [0.05, 0.1, 0.2, 0.5, 1, 2]
SEEDS = list(range(4))
EPOCHS = 40
EMPTY = 1000


def run(quick: bool = False) -> dict[str, Any]:
    """Times one worker and two on the same points, and points without work.

    Args:
        quick: a few points of an epoch, to see that the benchmark runs.
    """
    sweep = _sweep([0.5], SEEDS, 1) if quick else _sweep(BETAS, SEEDS, EPOCHS)
    one, two = (_seconds(sweep, workers) for workers in (1, 2))
    one_process, two_processes = (_plain_seconds(sweep, processes) for processes in (1, 2))
    return {
        "points": len(sweep.points),
        "one_worker_seconds": one,
        "two_workers_seconds": two,
        "ratio": one / two,
        "one_process_seconds": one_process,
        "two_processes_seconds": two_processes,
        "plain_ratio": one_process / two_processes,
        "empty_points": EMPTY,
        "overhead_milliseconds": 1e3 * _empty_seconds(EMPTY) / EMPTY,
        **environment(),
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    return (
        f"{figures['points']} points: one worker {figures['one_worker_seconds']:.1f} s, "
        f"two {figures['two_workers_seconds']:.1f} s, ratio {figures['ratio']:.2f}\n"
        f"plain processes: one {figures['one_process_seconds']:.1f} s, "
        f"two {figures['two_processes_seconds']:.1f} s, ratio {figures['plain_ratio']:.2f}\n"
        f"{figures['empty_points']} empty points: {figures['overhead_milliseconds']:.2f} ms a point"
    )


def nothing(point: Point, folder: Path) -> None:
    """The work of an empty point."""


def _sweep(betas: list[float], seeds: list[int], epochs: int) -> Sweep:
    grid = {"nudging.beta": betas, "training.seed": seeds}
    return sweep_from({"config": "digits", "base": {"training": {"epochs": epochs}}, "grid": grid}, Path())


def _seconds(sweep: Sweep, workers: int) -> float:
    """Seconds from handing out the points until all are trained."""
    with tempfile.TemporaryDirectory() as path, embedded(workers) as client:
        folder = SweepFolder(Path(path))
        folder.begin(sweep.resolved)
        _warm(client)
        started = time.perf_counter()
        failed = [result or lost for _, result, lost in each_done(client, train_point, sweep.points, folder.path)]
        seconds = time.perf_counter() - started
        _require_finished(sweep, folder, failed)
    return seconds


def _plain_seconds(sweep: Sweep, processes: int) -> float:
    """The same without a scheduler: processes that take the points in turn."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as path, ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        warm, folder = (SweepFolder(Path(path) / name) for name in ("warm", "timed"))
        first = _sweep([0.5], list(range(8 * processes)), 1)
        for points, place in ((first, warm), (sweep, folder)):
            place.begin(points.resolved)
            started = time.perf_counter()
            failed = list(pool.map(train_point, points.points, [place.path] * len(points.points)))
            seconds = time.perf_counter() - started
            _require_finished(points, place, failed)
    return seconds


def _require_finished(sweep: Sweep, folder: SweepFolder, failed: Iterable[str | None]) -> None:
    missing = [point for point in sweep.points if folder.summary(point) is None]
    if missing:
        raise RuntimeError(f"{len(missing)} points are not finished: {list(failed)}")


def _warm(client: Client) -> None:
    """Has every worker train a point of its own."""
    with tempfile.TemporaryDirectory() as path:
        folder = SweepFolder(Path(path))
        addresses = list(client.scheduler_info()["workers"])
        sweep = _sweep([0.5], list(range(len(addresses))), 1)
        folder.begin(sweep.resolved)
        wait(
            [
                client.submit(train_point, point, folder.path, workers=address, pure=False)
                for point, address in zip(sweep.points, addresses, strict=True)
            ]
        )


def _empty_seconds(count: int) -> float:
    """Seconds that a sweep of two workers takes for so many points without work: validated, looked for, handed out."""
    with tempfile.TemporaryDirectory() as path, embedded(2) as client:
        folder = SweepFolder(Path(path))
        _warm(client)
        started = time.perf_counter()
        sweep = _sweep([0.5], list(range(count)), 1)
        folder.begin(sweep.resolved)
        missing = [point for point in sweep.points if folder.summary(point) is None]
        done = sum(lost is None for _, _, lost in each_done(client, nothing, missing, folder.path))
        seconds = time.perf_counter() - started
    if done != count:
        raise RuntimeError(f"{count - done} of {count} empty points were lost")
    return seconds
