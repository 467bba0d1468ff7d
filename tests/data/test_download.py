"""Downloads from a server on this machine: mirrors in turn, checksums, and nothing half-written."""

from __future__ import annotations

import errno
import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.data import load
from ctsigprop.errors import RunFailure

NAMES = ["mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def failure(name: str) -> str:
    with pytest.raises(RunFailure) as caught:
        load(name)
    assert caught.value.exit_status == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_nowhere_is_downloaded_once(
    small_set: Callable, web: Any, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    small = small_set(name)
    small = small_set(name, mirrors=(web.mirror("good", small.served),))
    dataset = load(name)
    np.testing.assert_array_equal(dataset.train.images, small.images[:20])
    np.testing.assert_array_equal(dataset.test.labels, small.labels[30:])
    asked = len(web.asked)
    assert asked == len(small.served)
    load(name)
    assert len(web.asked) == asked
    assert not [name for name in files_in(tmp_path / "cache") if name.endswith((".part", ".tar.gz"))]
    assert capfd.readouterr() == ("", ""), "progress is for terminals"


def test_progress_is_shown_on_a_terminal(
    small_set: Callable, web: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_set("mnist")
    mirror = web.mirror("good", small.served)
    small_set("mnist", mirrors=(mirror,))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    load("mnist")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("100%") == len(small.served)
    assert f"{mirror}train-images-idx3-ubyte.gz" in shown.err


def test_mirrors_are_tried_in_turn(small_set: Callable, web: Any) -> None:
    small = small_set("mnist")
    wrong = {path: body[:40] + b"\0" + body[41:] for path, body in small.served.items()}
    mirrors = (
        "http://127.0.0.1:9/nobody/",
        web.mirror("empty", {}),
        web.mirror("cut", small.served, cut=True),
        web.mirror("wrong", wrong),
        web.mirror("good", small.served),
    )
    small_set("mnist", mirrors=mirrors)
    np.testing.assert_array_equal(load("mnist").train.images, small.images[:20])
    first_file = [path.split("/")[1] for path in web.asked[:4]]
    assert first_file == ["empty", "cut", "wrong", "good"]


@pytest.mark.parametrize("name", ["mnist", "cifar-10", "svhn"])
def test_an_interrupted_download_leaves_nothing(small_set: Callable, web: Any, tmp_path: Path, name: str) -> None:
    small = small_set(name)
    small_set(name, mirrors=(web.mirror("cut", small.served, cut=True),))
    text = failure(name)
    first = next(iter(small.served))
    assert text.startswith(f"{name}: no mirror gave {first} (127.0.0.1:")
    assert "connection failed or lost" in text
    assert f"`ctsigprop data fetch {name}` again" in text
    assert str(tmp_path / "cache" / name) in text
    assert files_in(tmp_path / "cache") == []


def test_a_download_goes_on_where_the_last_one_stopped(small_set: Callable, web: Any, tmp_path: Path) -> None:
    small = small_set("mnist")
    served = small.served
    names = list(served)
    mirror = web.mirror("good", {name: served[name] for name in names[:2]})
    small_set("mnist", mirrors=(mirror,))
    assert f"no mirror gave {names[2]} (" in failure("mnist")
    assert files_in(tmp_path / "cache" / "mnist") == sorted(names[:2])
    web.mirror("good", served)
    web.asked.clear()
    np.testing.assert_array_equal(load("mnist").train.images, small.images[:20])
    assert web.asked == [f"/good/{name}" for name in names[2:]]


@pytest.mark.parametrize("name", NAMES)
def test_another_file_under_the_right_name_is_refused(small_set: Callable, web: Any, tmp_path: Path, name: str) -> None:
    small = small_set(name)
    first = next(iter(small.served))
    swapped = {path: list(small.served.values())[-1] + b"x" for path in small.served}
    small_set(name, mirrors=(web.mirror("wrong", swapped),))
    text = failure(name)
    assert f"no mirror gave {first} (127.0.0.1:" in text
    assert "expected" in text
    assert files_in(tmp_path / "cache") == []


def test_the_checksum_is_of_the_content_not_of_the_gzip_header(small_set: Callable, web: Any) -> None:
    small = small_set("mnist")
    other = {path: gzip.compress(gzip.decompress(body), 1, mtime=9) for path, body in small.served.items()}
    assert other != small.served
    small_set("mnist", mirrors=(web.mirror("other", other),))
    np.testing.assert_array_equal(load("mnist").train.images, small.images[:20])


def test_a_wrong_checksum_is_shown(small_set: Callable, web: Any) -> None:
    small = small_set("svhn")
    small_set("svhn", mirrors=(web.mirror("wrong", {path: b"other" for path in small.served}),))
    sha256 = small.entry.train_files[0].sha256
    assert f"expected SHA-256 {sha256[:16]}..., found d9298a10d1b07358..." in failure("svhn")


def test_the_servers_answer_is_shown(small_set: Callable, web: Any) -> None:
    small_set("mnist", mirrors=(web.mirror("empty", {}), "http://127.0.0.1:9/"))
    text = failure("mnist")
    assert f"({web.address.removeprefix('http://')}: HTTP status 404; 127.0.0.1:9: connection failed" in text


def test_a_full_disk_is_named_and_leaves_nothing(
    small_set: Callable, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_set("mnist")
    small_set("mnist", mirrors=(web.mirror("good", small.served),))

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    text = failure("mnist")
    assert text.startswith(f"{tmp_path / 'cache' / 'mnist'}: cannot be written (No space left on device)")
    assert files_in(tmp_path / "cache") == []


def test_an_interrupt_leaves_nothing(
    small_set: Callable, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_set("mnist")
    small_set("mnist", mirrors=(web.mirror("good", small.served),))

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load("mnist")
    assert files_in(tmp_path / "cache") == []


def test_the_users_folder_takes_the_download(small_set: Callable, web: Any, tmp_path: Path) -> None:
    small = small_set("mnist")
    small_set("mnist", mirrors=(web.mirror("good", small.served),))
    load("mnist", data_dir=tmp_path / "own")
    assert files_in(tmp_path / "own" / "mnist") == sorted(small.served)
    assert not (tmp_path / "cache").exists()
