"""Sweeps on real worker processes: killed, interrupted, with points that fail. Each ends as if undisturbed."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
import yaml
from distributed import Client
from distributed.comm import connect
from distributed.security import Security
from numpy.testing import assert_array_equal

from ctsigprop.errors import InputError
from ctsigprop.experiments.sweeps import cluster
from ctsigprop.experiments.sweeps.specification import read_sweep
from ctsigprop.runs import RunFolder
from ctsigprop.settings.begun import as_begun

CTSIGPROP = Path(sys.executable).with_name("ctsigprop")
BASE = "base: {data: {limit: 200}, network: {hidden: [16]}, training: {epochs: 15, batch_size: 4}}\n"
SWEEP = BASE + "grid: {nudging.beta: [0.5, 1], training.seed: [0, 1]}\n"
SHORT = BASE.replace("epochs: 15", "epochs: 1")
SECONDS = 120
STARTED: list[subprocess.Popen[str]] = []

Refuse = Callable[..., None]


def start(file: Path, output: Path, *flags: str) -> subprocess.Popen[str]:
    command = [str(CTSIGPROP), "sweep", str(file), "--output", str(output), "--quiet", *flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, start_new_session=True, preexec_fn=heed_interrupts, **pipes)
    STARTED.append(process)
    return process


def heed_interrupts() -> None:
    """As at a terminal: tests in the background of a shell script pass on that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Ends what a test that failed has left running."""
    yield
    while STARTED:
        process = STARTED.pop()
        if process.returncode is None:
            process.kill()
            process.communicate()


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == status, err
    assert err.count("\n") == (status != 0), err
    return out + err


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + SECONDS
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def under_way(output: Path) -> bool:
    """Whether a point has finished an epoch and is not done."""
    runs = [path.parent for path in output.glob("points/*/metrics.jsonl")]
    return any(not (run / "summary.json").exists() for run in runs)


def assert_same_sweep(output: Path, other: Path) -> None:
    for name in ("results.csv", "summary.csv"):
        tables = [pd.read_csv(folder / name) for folder in (output, other)]
        kept = [table[[title for title in table.columns if not title.startswith("seconds")]] for table in tables]
        pd.testing.assert_frame_equal(*kept, check_exact=True)
    names = sorted(path.name for path in (output / "points").iterdir())
    assert names == sorted(path.name for path in (other / "points").iterdir())
    for name in names:
        arrays, expected = (
            RunFolder.open(folder / "points" / name).load_checkpoint("last")[0] for folder in (output, other)
        )
        for key in expected:
            assert_array_equal(arrays[key], expected[key])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "small.yaml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="module")
def undisturbed(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / "sweep"
    out = finish(start(file, output, "--workers", "2"))
    assert "4 points, 0 finished" in out
    assert "dashboard: http://127.0.0.1:" in out
    return output


def test_a_sweep_ends_with_a_row_a_point_a_summary_and_figures(undisturbed: Path, file: Path) -> None:
    table = pd.read_csv(undisturbed / "results.csv")
    points = read_sweep(file).points
    assert list(table["point"]) == [point.name for point in points]
    assert list(table["nudging.beta"]) == [0.5, 0.5, 1, 1]
    for point, (_, row) in zip(points, table.iterrows(), strict=True):
        run = RunFolder.open(undisturbed / "points" / point.name)
        assert run.settings() == point.settings
        assert row["W12 vs W21"] == run.metrics()[-1]["angles"]["W12 vs W21"]
    summary = pd.read_csv(undisturbed / "summary.csv")
    assert list(summary["n"]) == [2, 2]
    assert summary["test_error_mean"][0] == pytest.approx(table["test_error"][:2].mean())
    assert {path.name for path in (undisturbed / "figures").iterdir()} == {"test-error.png", "angles.png"}
    assert yaml.safe_load((undisturbed / "sweep.yaml").read_text())["grid"]["training.seed"] == [0, 1]


LAYERED = {
    "discrete": "data: {limit: 100}, network: {hidden: [8, 8]}, training: {epochs: 2, batch_size: 20}",
    "spiking": "data: {limit: 100}, network: {channels: [2, 2], units: 8}, training: {epochs: 1, batch_size: 50}",
}


@pytest.mark.parametrize("family", LAYERED)
def test_a_sweep_of_another_family(family: str, tmp_path: Path) -> None:
    file, output = tmp_path / "rates.yaml", tmp_path / "sweep"
    file.write_text(f"family: {family}\nbase: {{{LAYERED[family]}}}\ngrid: {{learning.rate: [0.001, 0.01]}}\n")
    finish(start(file, output, "--workers", "1"))
    table = pd.read_csv(output / "results.csv")
    assert list(table["learning.rate"]) == [0.001, 0.01]
    for point, (_, row) in zip(read_sweep(file).points, table.iterrows(), strict=True):
        run = RunFolder.open(output / "points" / point.name)
        assert run.settings() == as_begun(point.settings, run.settings())
        assert row["test_error"] == run.summary()["test_error"]
    assert {path.name for path in (output / "figures").iterdir()} == {"test-error.png"}
    assert read_sweep(output / "sweep.yaml").points == read_sweep(file).points


def test_a_sweep_of_a_family_whose_library_is_not_installed(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    refuse(name="rates", words="torch is not installed: pip install 'ctsigprop[torch]'")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_sweep_on_a_gpu_where_there_is_none(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "gpu.yaml").write_text("family: discrete\ngrid: {training.device: [cpu, cuda]}\n")
    refuse(name="gpu.yaml", words="training.device = 'cuda': must be cpu here")


def test_a_worker_is_killed_then_the_sweep_interrupted_then_killed_and_nothing_is_lost_but_time(
    undisturbed: Path, file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "a sweep"
    process = start(file, output, "--workers", "2")
    wait_until(lambda: under_way(output), process)
    victim = workers(process)[0]
    victim.kill()
    wait_until(lambda: len([one for one in workers(process) if one != victim]) == 2, process)
    left = workers(process)
    os.killpg(process.pid, signal.SIGINT)
    out = finish(process, 130)
    again = f"ctsigprop sweep {file} --workers 2 --output '{output}'"
    assert out.splitlines()[-1] == f"ctsigprop: interrupted: go on with `{again}`"
    assert_gone(left)

    process = start(file, output, "--workers", "1")
    wait_until(lambda: len(workers(process)) == 1, process)
    left = workers(process)
    process.kill()
    process.communicate()
    assert_gone(left)

    finish(start(file, output, "--workers", "2"))
    assert_same_sweep(output, undisturbed)


def assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=SECONDS)
    assert alive == []


def test_a_point_that_fails_is_written_down_and_tried_again_and_points_can_be_added(
    ctsigprop: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    file, output = tmp_path / "fails.yaml", tmp_path / "sweep"
    file.write_text(SHORT + "grid: {learning.fixed: [[], [W99]]}\n")
    good, bad = (point.name for point in read_sweep(file).points)
    failure = output / "points" / f"{bad}.error.json"
    for known in ("0 finished, 0 failed before", "1 finished, 1 failed before"):
        out = finish(start(file, output, "--workers", "1"), status=1)
        assert known in out
        assert "1 of 2 points failed" in out
        assert list(pd.read_csv(output / "results.csv")["point"]) == [good]
        assert "W99" in yaml.safe_load(failure.read_text())["error"]
        assert not (output / "points" / bad).exists()

    (output / "points" / good / "metrics.jsonl").unlink()
    assert "0 finished, 1 failed before" in finish(start(file, output, "--workers", "1"), status=1)
    assert (output / "points" / good / "metrics.jsonl").is_file()
    (output / "points" / good / "checkpoint-last.npz").unlink()  # a finished point is not looked into
    file.write_text(SHORT + "grid: {learning.fixed: [[]]}\n")
    status, text, _ = ctsigprop("sweep", str(file), "--output", str(output))
    assert status == 0
    assert f"1 points in the folder are not in {file}, and are left as they are: {bad}" in text


def test_a_finished_point_whose_metrics_are_lost_is_mended_and_one_whose_metrics_are_damaged_refused(
    tmp_path: Path,
) -> None:
    file, output = tmp_path / "two.yaml", tmp_path / "sweep"
    file.write_text(SHORT + "grid: {learning.fixed: [[], [W12]]}\n")
    one, other = (output / "points" / point.name for point in read_sweep(file).points)
    finish(start(file, output, "--workers", "1"))
    whole = (one / "metrics.jsonl").read_text()

    (one / "metrics.jsonl").write_text("")
    finish(start(file, output, "--workers", "1"))
    assert len((one / "metrics.jsonl").read_text().splitlines()) == len(whole.splitlines())

    (one / "metrics.jsonl").write_text("[1]\n" + whole)
    (other / "summary.json").unlink()
    before = sorted(path.stat().st_mtime_ns for path in other.iterdir())
    finish(start(file, output, "--workers", "1"), status=2)
    assert sorted(path.stat().st_mtime_ns for path in other.iterdir()) == before


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Path]:
    """File of a scheduler with one worker."""
    path = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    addresses = ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(path)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    commands = [
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *addresses],
        [*dask, "worker", "--nthreads", "1", "--no-dashboard", "--scheduler-file", str(path)],
    ]
    processes = [subprocess.Popen(command, **quiet) for command in commands]  # type: ignore[call-overload]
    wait_until(path.exists, processes[0])
    yield path
    for process in reversed(processes):
        process.terminate()
        process.communicate()


def test_a_scheduler_that_runs_elsewhere(tmp_path: Path, scheduler: Path) -> None:
    file, output = tmp_path / "short.yaml", tmp_path / "sweep"
    file.write_text(SHORT + "grid: {training.seed: [0, 1]}\n")
    finish(start(file, output, "--scheduler", str(scheduler)))
    assert len(pd.read_csv(output / "results.csv")) == 2


@pytest.fixture
def refuse(ctsigprop: Callable[..., tuple[int, str, str]], file: Path) -> Refuse:
    """Asserts that a sweep is refused in one line that holds all of `words`, and that nothing begins."""

    def check(*flags: str, words: str, name: str = str(file)) -> None:
        status, _, err = ctsigprop("sweep", name, *flags)
        assert (status, err.count("\n")) == (2, 1), err
        assert words in err
        assert not Path("sweeps").exists()

    return check


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--workers 0", "--workers = 0: must be a whole number from 1"),
        ("--workers two", "--workers = two: must be a whole number"),
        ("--workers 2 --scheduler tcp://a:1", "--workers = 2: the scheduler has workers of its own"),
        ("--output /proc/sweep", "/proc/sweep: cannot be written"),
    ],
)
def test_flags_that_cannot_be_used(refuse: Refuse, flags: str, words: str) -> None:
    refuse(*flags.split(), words=words)


def test_a_file_that_is_not_there(refuse: Refuse, ctsigprop: Callable[..., tuple[int, str, str]]) -> None:
    refuse(name="none.yaml", words="sweep none.yaml: no such file: give a YAML file, or one of beta, rates")
    assert ctsigprop("sweep")[2].startswith("ctsigprop: error: sweep: does not say what is swept")


def test_a_folder_that_holds_something_else(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    refuse("--output", "thesis", words="thesis: is not empty and holds no sweep: choose a new folder for the output")


def test_a_folder_that_another_process_sweeps_in(refuse: Refuse, tmp_path: Path) -> None:
    from ctsigprop.core.locks import lock_folder

    (tmp_path / "sweep").mkdir()
    with lock_folder(tmp_path / "sweep"):
        refuse("--output", "sweep", words="sweep: another process is at this sweep: wait for it to end")


SCHEDULERS = {
    "list.json": "[1]",
    "text.json": "tcp",
    "empty.json": "{}",
    "number.json": '{"address": 3}',
    "word.json": '{"address": "tcp"}',
}


@pytest.mark.parametrize("where", ["none.json", "nowhere://a:1", "tcp://a:b:c", "tcp://", "folder", *SCHEDULERS])
def test_a_scheduler_that_cannot_be_used(refuse: Refuse, tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    for name, content in SCHEDULERS.items():
        (tmp_path / name).write_text(content)
    refuse("--scheduler", where, words=f"--scheduler = {where}: ")


@pytest.mark.parametrize("where", ["nowhere://a:1", "tcp://"])
def test_no_client_is_left_half_open_where_there_is_no_scheduler(where: str) -> None:
    """One that is collected while another starts would close itself then, and both wait for ever."""
    for _ in range(3):
        with pytest.raises(InputError, match="cannot be reached"), cluster.joined(where):
            pass
        assert {one.status for one in gc.get_objects() if issubclass(type(one), Client)} <= {"closed"}


@pytest.mark.parametrize("library", ["pandas", "distributed", "cryptography"])
def test_a_library_that_is_not_installed(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    refuse(words=f"{library} is not installed: pip install 'ctsigprop[sweep]'")


def test_too_few_open_files_are_refused_in_one_line(file: Path, tmp_path: Path) -> None:
    command = f"ulimit -n 32; exec {CTSIGPROP} sweep {file} --workers 2 --output {tmp_path / 'sweep'}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "ulimit -n = 32: 2 workers need 96 open files" in done.stderr
    assert not (tmp_path / "sweep").exists()


def test_nobody_from_the_network_or_of_this_machine_reaches_the_workers(file: Path, tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    process = start(file, output, "--workers", "1")
    wait_until(lambda: under_way(output), process)
    own, sockets = psutil.Process(process.pid), []
    for part in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):  # it has ended
            sockets += part.net_connections("inet")
    places = {socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert len(places) >= 4  # scheduler and dashboard, nanny and worker
    assert {place.ip for place in places} == {"127.0.0.1"}
    assert [place.port for place in places if reached(place.port)] == []
    process.kill()
    process.communicate()


def reached(port: int) -> bool:
    """Whether somebody without a certificate can call a function of a scheduler, a worker or a nanny at a port."""

    async def call() -> bool:
        for protocol, security in (("tcp", Security()), ("tls", Security.temporary())):
            with suppress(OSError, asyncio.TimeoutError):
                comm = await connect(
                    f"{protocol}://127.0.0.1:{port}", timeout=2, **security.get_connection_args("client")
                )
                await comm.write({"op": "identity", "reply": True})
                with suppress(OSError, asyncio.TimeoutError):
                    await asyncio.wait_for(comm.read(), 2)
                    return True
        return False

    return asyncio.run(call())


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    file, output = tmp_path / "short.yaml", tmp_path / "sweep"
    file.write_text(SHORT + "grid: {training.seed: [0, 1]}\n")
    finish(start(file, output, "--workers", "1"))
    (point, _) = read_sweep(file).points
    (output / "points" / point.name / "summary.json").unlink()
    before = sorted(output.rglob("*"))
    for name in ("", "figures", "points", f"points/{point.name}"):
        (output / name / ".results.csv.1234-x.tmp").touch()
    finish(start(file, output, "--workers", "1"))
    assert {path.name for path in output.rglob("*")} == {path.name for path in before} | {"summary.json"}


def test_items_are_handed_out_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "HANDED_OUT", 4)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(25):
            taken.append(number)
            yield number

    with cluster.embedded(1) as client:
        done = 0
        for item, result, lost in cluster.each_done(client, divmod, items(), 7):
            done += 1
            assert (result, lost) == (divmod(item, 7), None)
            assert len(taken) <= done + 4
    assert done == 25
