"""Training every point of a sweep in its folder on Dask workers, and tabulating what came out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ctsigprop.core.locks import LOCK, lock_folder
from ctsigprop.core.threads import cores
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.experiments.sweeps.folder import BUSY, FAILURE, POINTS, SweepFolder, check_free
from ctsigprop.experiments.sweeps.specification import Point, Sweep
from ctsigprop.runs import RunFolder
from ctsigprop.settings import LayeredSettings, Settings

if TYPE_CHECKING:
    from distributed import Client

    from ctsigprop.experiments.sweeps.table import Table

SHOWN = 5
MOST_WORKERS = 1024
REQUIRED = ("dask", "distributed", "cryptography", "pandas")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Workers:
    """Who trains the points.

    Attributes:
        count: worker processes to start; None: as many as cores, but one where a GPU is shared; 0: this process.
        scheduler: address or file of a Dask scheduler to join in place of them.
    """

    count: int | None = None
    scheduler: str | None = None

    def started(self, points: Sequence[Point]) -> "AbstractContextManager[Client | None]":
        """The workers for these points; none where there is nothing to do, or this process does it."""
        if not points or self.count == 0:
            return nullcontext()
        from ctsigprop.experiments.sweeps.cluster import embedded, joined

        usual = 1 if _on_cuda(points) else cores()
        return joined(self.scheduler) if self.scheduler else embedded(min(self.count or usual, len(points)))


def train_sweep(sweep: Sweep, folder: SweepFolder, workers: Workers, name: str, *, say: Say, quiet: bool) -> "Table":
    """Train what is missing or failed, then write results.csv, summary.csv and figures.

    Args:
        sweep: what is swept.
        folder: of the sweep; it may hold points already.
        workers: who trains.
        name: of what says what is swept, for the user.
        say: takes what is worth a line.
        quiet: show no progress bar.

    Returns:
        What came out.

    Raises:
        InputError: settings, folder, scheduler or device that cannot be used.
        RunFailure: points failed, or the folder cannot be written.
        ModuleNotFoundError: a library that sweeps need is not installed.
        KeyboardInterrupt: what is finished stays.
    """
    _require_installed(*REQUIRED)
    with _held(folder):
        missing = folder.missing(sweep.points)
        if workers.scheduler is None:
            _check_trainable(missing)
        if workers.count != 0:
            _check_known(missing)
        with workers.started(missing) as client:
            folder.begin(sweep.resolved)
            _announce(folder, sweep, name, finished=len(sweep.points) - len(missing), say=say)
            if client is not None:
                say(f"dashboard: {_dashboard(client)}")
            if missing:
                _train(folder, sweep, missing, client, quiet=quiet)
        return _conclude(folder, sweep, say)


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


def _check_known(points: Sequence[Point]) -> None:
    """Refuse what the calling program has added to a registry: worker processes do not know it."""
    for point in points:
        if isinstance(point.settings, Settings) and (own := point.settings.own_names):
            setting, name = next(iter(own.items()))
            raise InputError(
                f"{setting} = {name!r}: is one's own, which worker processes do not know: train in this process, with "
                "ct.sweep(..., workers=0)"
            )


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
        raise InputError(f"{folder.path}: {reason}: choose another folder for the output") from error
    with lock:
        try:
            yield
        finally:
            if made and not folder.begun:
                with suppress(OSError):
                    (folder.path / LOCK).unlink()
                    for path in made:
                        path.rmdir()


def _announce(folder: SweepFolder, sweep: Sweep, name: str, *, finished: int, say: Say) -> None:
    names = {point.name for point in sweep.points}
    there = folder.names()
    failed = sum(folder.reason(one) is not None for one in names & there)
    say(f"sweep in {folder.path}: {len(names)} points, {finished} finished, {failed} failed before")
    if others := sorted(there - names):
        listed = ", ".join(others[:SHOWN]) + (", ..." if len(others) > SHOWN else "")
        say(f"{len(others)} points in the folder are not in {name}, and are left as they are: {listed}")


def _train(
    folder: SweepFolder, sweep: Sweep, missing: Sequence[Point], client: "Client | None", *, quiet: bool
) -> None:
    """Trains the missing points, with a bar that shows how many of all are finished."""
    bar = tqdm(
        total=len(sweep.points),
        initial=len(sweep.points) - len(missing),
        unit=" points",
        disable=quiet or None,
        smoothing=0,
    )
    failed = 0
    with bar:
        for point, reason, lost in _each_trained(missing, folder.path.absolute(), client):
            if lost is not None:
                folder.fail(point.name, point.settings, lost)
            failed += (reason or lost) is not None
            bar.set_postfix({"failed": failed} if failed else {}, refresh=False)
            bar.update()


def _each_trained(
    points: Sequence[Point], folder: Path, client: "Client | None"
) -> Iterator[tuple[Point, str | None, str | None]]:
    """Each point once it is trained, by the workers or here: why it failed, and why its worker was lost."""
    from ctsigprop.experiments.sweeps.worker import train_point

    if client is None:
        for point in points:
            yield point, train_point(point, folder), None
        return
    from ctsigprop.experiments.sweeps.cluster import each_done

    yield from each_done(client, train_point, points, folder)


def _dashboard(client: "Client") -> str:
    from ctsigprop.experiments.sweeps.cluster import dashboard

    return dashboard(client)


def _conclude(folder: SweepFolder, sweep: Sweep, say: Say) -> "Table":
    """Tables and figures of what is finished.

    Raises:
        RunFailure: not everything is.
    """
    from ctsigprop.experiments.sweeps.figures import draw_sweep
    from ctsigprop.experiments.sweeps.table import Table, to_csv, to_text

    rows, reasons = _outcomes(folder, sweep.points)
    table = Table(sweep.swept, tuple(rows), folder.path)
    if rows:
        results, over_seeds = table.to_pandas(), table.summary()
        to_csv(results, folder.path / "results.csv")
        to_csv(over_seeds, folder.path / "summary.csv")
        drawn = draw_sweep(results, sweep.swept, folder.figures, table.unit)
        say(to_text(over_seeds, sweep.swept, table.unit))
        say(f"{len(rows)} points: {folder.path / 'results.csv'}")
        for path in drawn:
            say(str(path))
    if reasons:
        for name, reason in list(reasons.items())[:SHOWN]:
            say(f"{name}: {reason}")
        where = folder.path / POINTS
        raise RunFailure(
            f"{len(reasons)} of {len(sweep.points)} points failed, as {where}/*{FAILURE} tell: "
            "call again to try them again"
        )
    return table


def _outcomes(folder: SweepFolder, points: Iterable[Point]) -> tuple[list[Any], dict[str, str]]:
    """A row for each point that is finished, and why each of the others is not, by name."""
    from ctsigprop.experiments.sweeps.table import Row

    rows, reasons = [], {}
    for point in points:
        found = folder.summary(point)
        if found is None:
            reasons[point.name] = folder.reason(point.name) or "not finished"
        else:
            path = folder.point(point.name)
            angles = RunFolder.open(path).metrics()[-1].get("angles") or {}
            rows.append(Row(point.name, point.swept, found, angles, path))
    return rows, reasons
