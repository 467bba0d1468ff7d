"""Who may join the processes of a run, and where they listen."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytest.importorskip("torch")

from torch.distributed import HashStore

from ctsigprop.discrete.parallel import meeting as parallel_meeting
from ctsigprop.discrete.parallel.meeting import INTERFACES, SECRET, Meeting, entered, opened, torchruns
from ctsigprop.discrete.parallel.peers import FAILURE, LOST, Peers
from ctsigprop.errors import InputError

SECONDS = 120
SMALL = ["--data.limit", "200", "--network.hidden", "[16,16]", "--training.epochs", "4", "--training.threads", "1"]


@pytest.fixture(autouse=True)
def by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in (*INTERFACES, SECRET, "RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def listening(process: subprocess.Popen[str]) -> Iterator[tuple[str, int]]:
    """Addresses at which a process and those that it started listen."""
    with suppress(psutil.Error):
        for one in (parent := psutil.Process(process.pid)), *parent.children(recursive=True):
            with suppress(psutil.Error):  # it has ended
                for socket in one.net_connections("inet"):
                    if socket.status == psutil.CONN_LISTEN:
                        yield socket.laddr


def test_a_run_in_processes_listens_on_the_loopback_alone_and_leaves_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [str(Path(sys.executable).with_name("ctsigprop")), "train", "--config", "digits-sp", *SMALL]
    command += ["--parallel", "layers=2", "--run-dir", str(run), "--quiet"]
    process = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    found: set[tuple[str, int]] = set()
    limit = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < limit:
        found.update(listening(process))
        time.sleep(0.2)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert len(found) >= 2  # a socket in each process
    assert {address for address, *_ in found} == {"127.0.0.1"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("ctsigprop-")] == []


def test_rank_0_meets_in_a_folder_of_its_own() -> None:
    meeting = opened(2)
    assert meeting.folder is not None
    assert meeting.folder.stat().st_mode & 0o777 == 0o700
    assert len(meeting.secret) >= 16
    assert opened(2).secret != meeting.secret
    other = entered(meeting.folder, 2)
    meeting.store.set("here", "1")
    assert (other.secret, other.store.get("here")) == (meeting.secret, b"1")
    meeting.close()
    assert not meeting.folder.exists()


def forged(folder: Path, how: str) -> Path:
    """A folder that looks like rank 0's."""
    path = folder / ("another-1234-x" if how == "name" else "ctsigprop-1234-x")
    path.mkdir(mode=0o700)
    (path / "secret").write_bytes(b"the stranger's own secret")
    match how:
        case "open":
            path.chmod(0o755)
        case "owner":
            os.chown(path, 65534, 65534)
        case "link":
            path.rename(folder / "real")
            path.symlink_to(folder / "real")
        case "empty":
            (path / "secret").unlink()
    return path


@pytest.mark.parametrize("how", ["open", "name", "link", "empty", "owner"])
def test_a_folder_that_somebody_else_names_is_refused(tmp_path: Path, how: str) -> None:
    if how == "owner" and os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    with pytest.raises(InputError, match=r"is not rank 0's: |cannot be read \(No such file"):
        entered(forged(tmp_path, how), 2, "1234")


@pytest.mark.parametrize(
    ("secret", "here", "words"),
    [("", "1", "is not set, and the processes run on several machines"), ("short", "2", "has 5 characters")],
)
def test_several_machines_need_a_secret(monkeypatch: pytest.MonkeyPatch, secret: str, here: str, words: str) -> None:
    monkeypatch.setenv(SECRET, secret)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    with pytest.raises(InputError, match=rf"^{SECRET}: {words}: give all of them one secret of 16 characters"):
        torchruns(0, 2)


def test_a_store_that_rank_0_opens_listens_at_its_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    before = set(psutil.Process().net_connections("inet"))
    store = parallel_meeting._store("127.0.0.1", 0, 0, 2)
    new = set(psutil.Process().net_connections("inet")) - before
    assert {socket.laddr.ip for socket in new if socket.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    del store


def test_words_that_a_stranger_leaves_are_not_read() -> None:
    peers = Peers.__new__(Peers)
    peers.rank, peers.size, peers._key, peers._meeting = 1, 2, b"key", Meeting(HashStore(), b"secret")
    for key in (FAILURE, LOST):
        for name in (key, f"{key}/0", f"{key}/1"):
            peers._meeting.store.set(name, "somebody else's word, long enough for a signature")
    assert peers.failure() == ""
    peers.note_failure("the loss is no longer finite")
    assert peers.failure() == "the loss is no longer finite"
