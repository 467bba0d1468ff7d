"""`ctsigprop sweep`: trains every point of a sweep on Dask workers, tabulates and draws what came out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ctsigprop.core.locks import LOCK, lock_folder
from ctsigprop.core.threads import cores
from ctsigprop.errors import InputError, Interrupted, RunFailure
from ctsigprop.experiments.cli.arguments import command_line, whole_number
from ctsigprop.experiments.cli.flags import shipped_or_path
from ctsigprop.experiments.sweeps.folder import BUSY, FAILURE, POINTS, SweepFolder, check_free
from ctsigprop.experiments.sweeps.specification import SWEEPS, Point, Sweep, read_sweep
from ctsigprop.runs import RunFolder
from ctsigprop.settings import LayeredSettings

if TYPE_CHECKING:
    from distributed import Client

SHOWN = 5
MOST_WORKERS = 1024


def command(options: Mapping[str, Any]) -> None:
    """Trains what is missing or failed, then writes results.csv, summary.csv and figures.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: a file, folder or flag that cannot be used.
        RunFailure: points failed, or the folder cannot be written.
        Interrupted: by Ctrl-C.
    """
    if options.get("file") is None:
        raise InputError("sweep: does not say what is swept: give a YAML file, or the name of a shipped one")
    path = shipped_or_path(options["file"], SWEEPS, f"sweep {options['file']}")
    sweep = read_sweep(path)
    workers, scheduler = _cluster(options, sweep)
    folder = SweepFolder(Path(options.get("output", Path("sweeps") / path.stem)))
    _require_installed("dask", "distributed", "cryptography", "pandas")
    with _held(folder):
        missing = folder.missing(sweep.points)
        if scheduler is None:
            _check_trainable(missing)
        try:
            with _workers(min(workers, len(missing)), scheduler) as client:
                folder.begin(sweep.resolved)
                _announce(folder, sweep, path, finished=len(sweep.points) - len(missing))
                if client is not None:
                    _train(folder, sweep, missing, client, quiet=options.get("quiet", False))
        except KeyboardInterrupt as interruption:
            again = command_line(options, "sweep", options["file"], flags=("workers", "scheduler", "output"))
            raise Interrupted(f"interrupted: go on with `{again}`") from interruption
        _conclude(folder, sweep)


def _cluster(options: Mapping[str, Any], sweep: Sweep) -> tuple[int, str | None]:
    """Worker processes to start, as many as cores but one where a GPU is shared, or the scheduler to join."""
    workers = 1 if _on_cuda(sweep.points) else cores()
    if "scheduler" in options and "workers" in options:
        raise InputError(f"--workers = {options['workers']}: the scheduler has workers of its own: leave it out")
    return whole_number(options, "workers", workers, 1, MOST_WORKERS), options.get("scheduler")


def _workers(count: int, scheduler: str | None) -> "AbstractContextManager[Client | None]":
    """So many worker processes, or those of a scheduler; none where there is nothing to do."""
    if count == 0:
        return nullcontext()
    from ctsigprop.experiments.sweeps.cluster import embedded, joined

    return joined(scheduler) if scheduler else embedded(count)


def _on_cuda(points: Sequence[Point]) -> bool:
    settings = (point.settings for point in points)
    return any(isinstance(one, LayeredSettings) and one.training.device == "cuda" for one in settings)


def _check_trainable(points: Sequence[Point]) -> None:
    """Passes points that this machine has the library and the device for: else one after another would fail."""
    if any(isinstance(point.settings, LayeredSettings) for point in points):
        _require_installed("torch")
    if _on_cuda(points):
        from ctsigprop.layered.training import device_for

        device_for("cuda")


def _require_installed(*libraries: str) -> None:
    for name in libraries:
        if find_spec(name) is None:
            raise ModuleNotFoundError(name=name)


@contextmanager
def _held(folder: SweepFolder) -> Iterator[None]:
    """The folder for this process alone; one that is made and in which nothing begins is removed."""
    check_free(folder.path)
    made = [path for path in (folder.path, *folder.path.parents) if not path.exists()]
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(folder.path, BUSY)
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise InputError(f"{folder.path}: {reason}: choose another --output") from error
    with lock:
        try:
            yield
        finally:
            if made and not folder.begun:
                with suppress(OSError):
                    (folder.path / LOCK).unlink()
                    for path in made:
                        path.rmdir()


def _announce(folder: SweepFolder, sweep: Sweep, path: Path, *, finished: int) -> None:
    names = {point.name for point in sweep.points}
    there = folder.names()
    failed = sum(folder.reason(name) is not None for name in names & there)
    print(f"sweep in {folder.path}: {len(names)} points, {finished} finished, {failed} failed before", flush=True)
    if others := sorted(there - names):
        listed = ", ".join(others[:SHOWN]) + (", ..." if len(others) > SHOWN else "")
        print(f"{len(others)} points in the folder are not in {path}, and are left as they are: {listed}", flush=True)


def _train(folder: SweepFolder, sweep: Sweep, missing: Sequence[Point], client: "Client", *, quiet: bool) -> None:
    """Trains the missing points, with a bar that shows how many of all are finished."""
    from ctsigprop.experiments.sweeps.cluster import dashboard, each_done
    from ctsigprop.experiments.sweeps.worker import train_point

    print(f"dashboard: {dashboard(client)}", flush=True)
    bar = tqdm(
        total=len(sweep.points),
        initial=len(sweep.points) - len(missing),
        unit=" points",
        disable=quiet or None,
        smoothing=0,
    )
    failed = 0
    with bar:
        for point, reason, lost in each_done(client, train_point, missing, folder.path.absolute()):
            if lost is not None:
                folder.fail(point.name, point.settings, lost)
            failed += (reason or lost) is not None
            bar.set_postfix({"failed": failed} if failed else {}, refresh=False)
            bar.update()


def _conclude(folder: SweepFolder, sweep: Sweep) -> None:
    """Tables and figures of what is finished.

    Raises:
        RunFailure: not everything is.
    """
    from ctsigprop.experiments.sweeps.figures import draw_sweep
    from ctsigprop.experiments.sweeps.table import results, summary, to_csv, to_text

    rows, reasons = [], {}
    for point in sweep.points:
        found = folder.summary(point)
        if found is None:
            reasons[point.name] = folder.reason(point.name) or "not finished"
        else:
            angles = RunFolder.open(folder.point(point.name)).metrics()[-1].get("angles") or {}
            rows.append((point.name, point.swept, found, angles))
    if rows:
        table = results(rows)
        over_seeds = summary(table, sweep.swept)
        to_csv(table, folder.path / "results.csv")
        to_csv(over_seeds, folder.path / "summary.csv")
        drawn = draw_sweep(table, sweep.swept, folder.figures)
        print(to_text(over_seeds, sweep.swept))
        print(f"{len(rows)} points: {folder.path / 'results.csv'}")
        for path in drawn:
            print(path)
    if reasons:
        for name, reason in list(reasons.items())[:SHOWN]:
            print(f"{name}: {reason}")
        where = folder.path / POINTS
        raise RunFailure(
            f"{len(reasons)} of {len(sweep.points)} points failed, as {where}/*{FAILURE} tell: "
            "call again to try them again"
        )
