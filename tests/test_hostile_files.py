"""Files that a stranger has put there: read within bounds or refused, and nothing waits or is allocated for them."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ctsigprop.core import npz
from ctsigprop.core.files import open_regular, parse_json, read_bytes
from ctsigprop.core.npz import Unusable, read_npz


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "whole").write_bytes(b"whole")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="is no regular file"):
            read_bytes(path)
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")
    assert read_bytes(tmp_path / "whole", most=5) == b"whole"
    with pytest.raises(OSError, match="is larger than 4 bytes"):
        read_bytes(tmp_path / "whole", most=4)


def test_a_file_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="is larger than"):
        read_bytes(tmp_path / "holes")


def test_links_may_lead_to_the_same_folder_and_no_further(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "figures").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "own").write_text("own")
    (folder / "figures" / "in").symlink_to("../own")
    (folder / "figures" / "out").symlink_to("../../secret")
    (folder / "elsewhere").symlink_to(tmp_path)
    assert read_bytes(folder / "figures" / "in", folder) == b"own"
    for path in (folder / "figures" / "out", folder / "elsewhere" / "secret"):
        assert read_bytes(path) == b"secret"
        with pytest.raises(OSError, match="is a link that leads out of its folder"), open_regular(path, folder):
            pytest.fail("opened")
    (folder / "itself").symlink_to("itself")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        read_bytes(folder / "itself", folder)
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert read_bytes(linked / "own", linked) == b"own"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 900 + b"]" * 900,
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'"\xed\xa0\x80"',
        b"\xff\xfe[\x00]\x00",
        b'"\xff"',
        b"9" * 400,
        b"-" + b"9" * 5000,
        b'{"a": [{"b": ' + b"1" * 310 + b"}]}",
        b"",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_json_that_no_run_writes_is_one_kind_of_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(content)


def test_json_that_a_run_writes_is_read() -> None:
    assert parse_json(b'{"state": 340282366920938463463374607431768211455, "name": "\\ud83d\\ude00"}') == {
        "state": 2**128 - 1,
        "name": "\N{GRINNING FACE}",
    }


def header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue()


def archive(path: Path, content: bytes, *, compressed: bool = False) -> Path:
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("a.npy", content)
    return path


def test_an_array_is_as_large_as_its_header_says(tmp_path: Path) -> None:
    whole = header((2, 3)) + np.arange(6, dtype=np.float32).tobytes()
    np.testing.assert_array_equal(read_npz(archive(tmp_path / "a.npz", whole))["a"], [[0, 1, 2], [3, 4, 5]])
    for shape in ((10**13,), (2**40, 2**40), (2, 4), (1, 3), (), (2, -3)):
        path = archive(tmp_path / "a.npz", header(shape) + whole[-24:])
        with pytest.raises(Unusable, match="is truncated or corrupt"):
            read_npz(path)


def test_what_unpacks_to_more_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = header((1 << 20,), "|u1") + bytes(1 << 20)
    path = archive(tmp_path / "bomb.npz", zeros, compressed=True)
    assert path.stat().st_size < 2000
    with pytest.raises(Unusable, match=r"unpacks to 1,048,\d* bytes, and at most 1,\d* are read"):
        read_npz(path)
    assert read_npz(path, packed=True)["a"].nbytes == 1 << 20
    monkeypatch.setattr(npz, "half_of_memory", lambda: 1 << 20)
    with pytest.raises(Unusable, match="unpacks to"):
        read_npz(path, packed=True)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(Unusable, match="holds Python objects"):
        read_npz(tmp_path / "a.npz", packed=True)
