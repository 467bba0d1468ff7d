import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

torch = pytest.importorskip("torch")

from ctsigprop.discrete.parallel import training as parallel  # noqa: E402
from ctsigprop.discrete.parallel.peers import Peers  # noqa: E402
from ctsigprop.discrete.parallel.training import Section, train_parallel  # noqa: E402
from ctsigprop.discrete.training import train  # noqa: E402
from ctsigprop.errors import OUT_OF_MEMORY, InputError, RunFailure  # noqa: E402
from ctsigprop.layered.learner import Signal, Step  # noqa: E402
from ctsigprop.runs import RunFolder  # noqa: E402
from ctsigprop.settings import DiscreteSettings  # noqa: E402
from ctsigprop.settings.config import settings_from  # noqa: E402

RunOf = Callable[[str, DiscreteSettings], RunFolder]
Rows = Callable[[RunFolder], list[dict[str, Any]]]
SameRun = Callable[[RunFolder, RunFolder], None]
Stopping = Callable[[int], AbstractContextManager[None]]

FC: dict[str, Any] = {
    "data": {"limit": 96},
    "network": {"hidden": [24, 20, 16]},
    "training": {"epochs": 3, "batch_size": 32, "threads": 1},
}
CONV: dict[str, Any] = {
    "data": {"limit": 32},
    "network": {"architecture": "conv"},
    "target": {"density": "sparse"},
    "training": {"epochs": 1, "batch_size": 16, "threads": 1, "precision": "bfloat16", "channels_last": True},
}


@pytest.fixture(autouse=True)
def one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Peers]:
    """The processes that runs have started, as rank 0 knows them."""
    groups: list[Peers] = []

    def start(size: int, threads: int) -> Peers:
        groups.append(begin(size, threads))
        return groups[-1]

    begin = parallel.started
    monkeypatch.setattr(parallel, "started", start)
    return groups


def settings_of(values: dict[str, Any], **learning: Any) -> DiscreteSettings:
    settings: DiscreteSettings = settings_from({**values, "learning": learning}, "discrete")
    return settings


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Callable[[str, DiscreteSettings], RunFolder]]:
    """Begins runs in folders of a name, and closes them."""
    with ExitStack() as stack:
        yield lambda name, settings: stack.enter_context(RunFolder.create(tmp_path / name, settings))


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")]
)
def test_a_process_out_of_memory_tells_the_others(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """What rank 0 says of a run that has failed is what was noted."""
    peers = MagicMock(share=lambda: b"a plan")
    monkeypatch.setattr(parallel.Plan, "unpack", lambda _: MagicMock(names=["layer 2"]))
    monkeypatch.setattr(parallel, "joined", lambda: peers)
    monkeypatch.setattr(parallel, "_train_stages", MagicMock(side_effect=error))
    monkeypatch.setattr(parallel, "_end", sys.exit)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        parallel.follow()
    assert ended.value.code == 1
    peers.note_failure.assert_called_once_with(OUT_OF_MEMORY)


def assert_ended(groups: list[Peers]) -> None:
    assert groups
    assert all(child.poll() is not None for group in groups for child in group.children)


def killing_before(batch: int, groups: list[Peers]) -> Callable[..., tuple[list[Step], Signal]]:
    """Passes batches on, and kills the second process before one of them."""
    passed = 0

    def step_from(section: Section, arrived: Signal, labels: torch.Tensor) -> tuple[list[Step], Signal]:
        nonlocal passed
        passed += 1
        if passed == batch:
            os.kill(groups[-1].children[0].pid, signal.SIGKILL)
        return pass_on(section, arrived, labels)

    pass_on = Section.step_from
    return step_from


def test_a_run_interrupted_and_killed_in_processes_is_bit_for_bit_that_of_one_process(
    run_of: RunOf,
    assert_same_run: SameRun,
    stopping_before: Stopping,
    started: list[Peers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_of(FC)
    alone, run = run_of("alone", settings), run_of("run", settings)
    train(settings, alone, quiet=True)

    with stopping_before(5), pytest.raises(KeyboardInterrupt):
        train_parallel(settings, run, 3, quiet=True)
    assert_ended(started)
    assert len(run.metrics()) == 1

    with monkeypatch.context() as patch:
        patch.setattr(Section, "step_from", killing_before(4, started))
        with pytest.raises(
            RunFailure, match=r"output \(process 1\) ended with signal 9 \(SIGKILL\): go on with --resume$"
        ):
            train_parallel(settings, run, 2, resume=True, quiet=True)
    assert_ended(started)
    assert len(run.metrics()) == 2

    train(settings, run, resume=True, quiet=True)
    assert_same_run(run, alone)


def test_convolutions_channels_last_in_bfloat16_are_bit_for_bit_those_of_one_process(
    run_of: RunOf, assert_same_run: SameRun
) -> None:
    settings = settings_of(CONV)
    alone, run = run_of("alone", settings), run_of("run", settings)
    train(settings, alone, quiet=True)
    train_parallel(settings, run, 2, quiet=True)
    assert_same_run(run, alone)


def test_a_loss_that_is_lost_in_any_process_is_refused_in_its_words(run_of: RunOf, started: list[Peers]) -> None:
    settings = settings_of(FC, algorithm="ll-bp", rate=1e38)
    with pytest.raises(RunFailure, match=r"^(layer \d|output): the loss is no longer finite in epoch 1"):
        train_parallel(settings, run_of("run", settings), 2, quiet=True)
    assert_ended(started)


TORCHRUN = """
import os
from pathlib import Path
from torch.distributed import TCPStore
from ctsigprop.discrete.parallel.training import follow, train_parallel
from ctsigprop.runs import RunFolder

stranger = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), 2, is_master=False)
for key in ("failure", "failure/0", "failure/1", "lost/0", "here/0", "here/1"):
    stranger.set(key, "somebody else's word, which is long enough for a signature")
if os.environ["RANK"] == "0":
    with RunFolder.resume(Path("run")) as run:
        train_parallel(run.settings(), run, 2, quiet=True)
else:
    follow()
"""


@pytest.mark.parametrize("secret", ["", "of sixteen letters or more"], ids=["one machine", "as on several machines"])
def test_torchrun_starts_the_processes_and_a_strangers_keys_change_nothing(
    tmp_path: Path, run_of: RunOf, rows: Rows, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("CTSIGPROP_SECRET", secret)
    settings = settings_of({**FC, "training": {**FC["training"], "epochs": 1}}, algorithm="ll-fa")
    alone, run = run_of("alone", settings), run_of("run", settings)
    train(settings, alone, quiet=True)
    run.close()
    (tmp_path / "train.py").write_text(TORCHRUN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert rows(run) == rows(alone)
    arrays, expected = (one.load_checkpoint("last")[0] for one in (run, alone))
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }


@pytest.mark.parametrize("algorithm", ["bp", "fa", "dfa", "shallow"])
def test_a_rule_that_locks_its_layers_is_refused(run_of: RunOf, algorithm: str) -> None:
    settings = settings_of(FC, algorithm=algorithm)
    with pytest.raises(InputError, match=rf"^learning.algorithm = '{algorithm}': --parallel needs layers that learn"):
        train_parallel(settings, run_of("run", settings), 2)


@pytest.mark.parametrize("generator", ["target-loop", "target-loop-error"])
def test_a_loop_is_refused(run_of: RunOf, generator: str) -> None:
    settings = settings_of({**FC, "target": {"generator": generator, "scope": "sample"}})
    with pytest.raises(InputError, match=rf"^target.generator = '{generator}': feeds the last layer back"):
        train_parallel(settings, run_of("run", settings), 2)


def test_more_processes_than_stages_are_refused_before_they_start(run_of: RunOf, started: list[Peers]) -> None:
    settings = settings_of(FC)
    with pytest.raises(InputError, match=r"^--parallel layers = 5: must be at most 4, the stages of the network$"):
        train_parallel(settings, run_of("run", settings), 5)
    assert not started


def test_another_number_of_processes_than_torchruns_is_refused(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "3", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    settings = settings_of(FC)
    with pytest.raises(InputError, match=r"^--parallel layers = 2: must be 3, the processes that torchrun started$"):
        train_parallel(settings, run_of("run", settings), 2)


def test_processes_share_out_the_threads_and_agree_with_one_that_has_as_many_as_each(
    run_of: RunOf, rows: Rows, started: list[Peers]
) -> None:
    """Sums that threads share are rounded by how many share them: 4 in two processes are to be beside 2 in one."""
    wide = {"data": {"limit": 256}, "network": {"hidden": [300, 300]}}
    settings = {
        threads: settings_of({**wide, "training": {"epochs": 1, "batch_size": 128, "threads": threads}})
        for threads in (2, 4)
    }
    alone, run = run_of("alone", settings[2]), run_of("run", settings[4])
    train(settings[2], alone, quiet=True)
    train_parallel(settings[4], run, 2, quiet=True)
    assert started
    assert rows(run) == rows(alone)
    arrays, expected = (one.load_checkpoint("last")[0] for one in (run, alone))
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }


def test_stages_are_shared_out_without_counting_memory(
    run_of: RunOf, monkeypatch: pytest.MonkeyPatch, started: list[Peers]
) -> None:
    monkeypatch.delattr(import_module("ctsigprop.layered.cost"), "peak_memory")
    settings = settings_of({**FC, "training": {**FC["training"], "epochs": 1}})
    train_parallel(settings, run_of("run", settings), 2, quiet=True)
    assert started


def test_a_process_on_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    settings = settings_of({**FC, "training": {**FC["training"], "device": "cuda"}})
    follower = Peers.__new__(Peers)
    with pytest.raises(InputError, match=r"^training\.device = 'cuda': must be cpu here, "):
        follower.device(settings)
