"""Files that are written whole: where they may stand, and what is temporary beside them."""

import os
import stat
from pathlib import Path

import pytest

from ctsigprop.core.files import atomic
from ctsigprop.errors import InputError, RunFailure


def test_a_file_is_made_as_the_mask_of_the_process_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomic(tmp_path / "new") as file:
            file.write(b"all")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert (tmp_path / "new").read_bytes() == b"all"


def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("file")
    with (
        pytest.raises(InputError, match="link: is a link: give the name of a file, new or to be replaced"),
        atomic(tmp_path / "link"),
    ):
        pass
    assert (tmp_path / "file").read_text() == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.parametrize("path", ["/dev/full", "/dev/null", "/dev/stdout"])
def test_a_device_stays_one(path: str) -> None:
    before = os.lstat(path)
    with pytest.raises(InputError, match=f"{path}: is a (device|link)"), atomic(Path(path)):
        pass
    assert os.lstat(path).st_ino == before.st_ino


def test_a_temporary_file_is_made_where_nothing_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").write_text("kept")
    (tmp_path / ".file.0000.tmp").symlink_to("other")
    monkeypatch.setattr("secrets.token_hex", lambda _: "0000")
    with pytest.raises(RunFailure, match=r"file: cannot be written \(File exists\)"), atomic(tmp_path / "file"):
        pass
    assert (tmp_path / "other").read_text() == "kept"
    assert not (tmp_path / "file").exists()
