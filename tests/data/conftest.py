"""Small datasets in the published formats, a web server on this machine, and no way to the real world."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ctsigprop.data import locate
from ctsigprop.data.catalog import CATALOG
from ctsigprop.data.entry import Entry

TRAIN, VALIDATION, TEST = 20, 10, 15
MATLAB_HEADING = b"MATLAB 5.0 MAT-file".ljust(116)
"""In place of one that says when the file was written: the same arrays are the same bytes."""


def encode_idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


@dataclass
class SmallSet:
    """A dataset of a few random images: its catalog entry, its samples, its files' contents."""

    entry: Entry
    images: np.ndarray
    labels: np.ndarray
    contents: dict[str, bytes]

    @property
    def served(self) -> dict[str, bytes]:
        """What a mirror holds: names and bytes."""
        if self.entry.archive is None:
            pack = gzip_bytes if self.entry.suffix else bytes
            return {path + self.entry.suffix: pack(content) for path, content in self.contents.items()}
        return {self.entry.archive.name: tar_bytes(self.contents)}

    def write(self, root: Path, *, gzipped: bool = False, **changed: bytes) -> Path:
        """Writes the files under root/NAME; `changed` replaces contents by the file's stem, - written _."""
        folder = root / self.entry.name
        for path, content in self.contents.items():
            content = changed.get(Path(path).stem.replace("-", "_"), content)
            target = folder / (path + (".gz" if gzipped else ""))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(gzip_bytes(content) if gzipped else content)
        return folder


def gzip_bytes(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def tar_bytes(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip_bytes(stream.getvalue())


def matlab_bytes(**variables: np.ndarray) -> bytes:
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, variables, do_compression=True)
    return MATLAB_HEADING + stream.getvalue()[len(MATLAB_HEADING) :]


def encode_split(name: str, files: int, images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    """Contents of a split's files, written as the publisher of the dataset `name` describes them."""
    if name == "svhn":
        names = np.where(labels == 0, 10, labels).astype(np.uint8)
        return [matlab_bytes(X=images.transpose(2, 3, 1, 0), y=names[:, np.newaxis])]
    if not name.startswith("cifar"):
        return [encode_idx(images), encode_idx(labels)]
    coarse = [5] if name == "cifar-100" else []
    records = [bytes([*coarse, label]) + image.tobytes() for image, label in zip(images, labels, strict=True)]
    share = len(records) // files
    return [b"".join(records[start : start + share]) for start in range(0, len(records), share)]


def make_small_set(name: str) -> SmallSet:
    whole = CATALOG[name]
    rng = np.random.default_rng(7)
    samples = TRAIN + VALIDATION + TEST
    images = rng.integers(0, 256, (samples, *whole.shape), dtype=np.uint8)
    labels = rng.permutation(np.arange(samples) * 3 % whole.classes)
    cut = TRAIN + VALIDATION
    contents = dict(
        zip(
            [file.path for file in whole.files],
            encode_split(name, len(whole.train_files), images[:cut], labels[:cut])
            + encode_split(name, len(whole.test_files), images[cut:], labels[cut:]),
            strict=True,
        )
    )

    def checksum(content: bytes, of: str) -> str:
        return sha256(gzip_bytes(content) if of == "gzip" else content).hexdigest()

    files = [replace(file, sha256=checksum(contents[file.path], file.sha256_of)) for file in whole.files]
    archive = whole.archive and replace(whole.archive, sha256=sha256(tar_bytes(contents)).hexdigest())
    entry = replace(
        whole,
        train=TRAIN,
        validation=VALIDATION,
        test=TEST,
        train_files=tuple(files[: len(whole.train_files)]),
        test_files=tuple(files[len(whole.train_files) :]),
        archive=archive,
    )
    return SmallSet(entry, images, labels, contents)


@pytest.fixture(autouse=True)
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the tests off the user's cache, the system's folders, the user's data and the network."""
    monkeypatch.delenv(locate.VARIABLE, raising=False)
    monkeypatch.setattr(locate, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr(locate, "SYSTEM_ROOTS", (tmp_path / "system",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, entry in CATALOG.items():
        if not entry.embedded:
            monkeypatch.setitem(CATALOG, name, replace(entry, mirrors=("http://127.0.0.1:9/",)))


@pytest.fixture
def small_set(own_world: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SmallSet]:
    """Makes a small dataset of the given name and puts it in the catalog in place of the published one."""

    def make(name: str, **changes: object) -> SmallSet:
        small = make_small_set(name)
        small.entry = replace(small.entry, **changes)
        monkeypatch.setitem(CATALOG, name, small.entry)
        return small

    return make


@dataclass
class Web:
    """A server of bytes on this machine; a path in `cut` is answered with half of them, then silence."""

    address: str
    bodies: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def mirror(self, name: str, bodies: dict[str, bytes], *, cut: bool = False) -> str:
        """Serves `bodies` in the folder `name` and returns its address."""
        paths = {f"/{name}/{path}": body for path, body in bodies.items()}
        self.bodies |= paths
        self.cut |= set(paths) if cut else set()
        return f"{self.address}/{name}/"


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            body = served.bodies.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path in served.cut else body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Web(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
