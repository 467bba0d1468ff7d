"""What `ctsigprop data list`, `fetch` and `verify` print and refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.data import fetch, list_datasets, verify


def test_list_names_all_seven_and_where_they_are(
    small_set: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CTSIGPROP_DATA", str(tmp_path))
    folder = small_set("mnist").write(tmp_path)
    (small_set("svhn").write(tmp_path) / "test_32x32.mat").unlink()
    list_datasets()
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["name", "shape", "classes", "train", "validation", "test", "size", "where"]
    names = ["digits", "mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"]
    assert [row.split()[0] for row in rows] == names
    table = dict(zip(names, rows, strict=True))
    assert table["digits"].split()[1:8] == ["8x8", "10", "1,197", "300", "300", "0.05", "MB"]
    assert table["mnist"].endswith(str(folder))
    assert table["cifar-100"].split(maxsplit=6)[1:] == [
        *("3x32x32", "100", "45,000", "5,000", "10,000"),
        "not here: ctsigprop data fetch cifar-100",
    ]
    assert table["svhn"].endswith(f"{tmp_path / 'svhn'} lacks test_32x32.mat")
    shapes = [row.split()[1] for row in rows]
    assert {row.index(shape) for row, shape in zip(rows, shapes, strict=True)} == {heading.index("shape")}


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar-10"])
def test_fetch_downloads_and_says_where(
    small_set: Callable, web: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    small = small_set(name)
    small_set(name, mirrors=(web.mirror("good", small.served),))
    for _ in range(2):
        fetch(name)
        assert capsys.readouterr().out.endswith(f"MB in {tmp_path / 'cache' / name}\n")
    assert len(web.asked) == len(small.served)


def lacking_a_file(small_set: Callable, web: Any, root: Path) -> None:
    """MNIST without the labels of its test images, in a folder of datasets; a mirror has them all."""
    small = small_set("mnist")
    (small.write(root) / "t10k-labels-idx1-ubyte").unlink()
    small_set("mnist", mirrors=(web.mirror("good", small.served),))


def test_fetch_completes_the_users_folder(
    small_set: Callable, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTSIGPROP_DATA", str(tmp_path / "own"))
    lacking_a_file(small_set, web, tmp_path / "own")
    fetch("mnist")
    assert web.asked == ["/good/t10k-labels-idx1-ubyte.gz"]
    assert (tmp_path / "own" / "mnist" / "t10k-labels-idx1-ubyte.gz").is_file()


def test_fetch_does_not_download_past_a_folder_that_would_still_lack_files(
    small_set: Callable, web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTSIGPROP_DATA", str(tmp_path / "own"))
    lacking_a_file(small_set, web, tmp_path / "own")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"own/mnist: lacks t10k-labels-idx1-ubyte, and cannot be written"):
        fetch("mnist")
    assert web.asked == []


def test_fetch_leaves_an_unfinished_system_folder_alone(small_set: Callable, web: Any, tmp_path: Path) -> None:
    lacking_a_file(small_set, web, tmp_path / "system")
    fetch("mnist")
    assert len(list((tmp_path / "cache" / "mnist").iterdir())) == 4


def test_fetch_does_not_overwrite_a_file_that_is_wrong(
    small_set: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CTSIGPROP_DATA", str(tmp_path))
    path = small_set("mnist").write(tmp_path) / "train-images-idx3-ubyte"
    path.write_bytes(b"mine")
    with pytest.raises(InputError, match="remove it and run `ctsigprop data fetch mnist`"):
        fetch("mnist")
    assert path.read_bytes() == b"mine"


def test_fetch_of_digits_has_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    fetch("digits")
    assert capsys.readouterr().out.startswith("digits: 0.05 MB in ")


@pytest.mark.parametrize("name", ["mnist", "cifar-10", "cifar-100", "svhn", "kmnist"])
def test_verify_says_ok_by_file(
    small_set: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    small = small_set(name)
    small.write(tmp_path / "cache", gzipped=name in ("mnist", "kmnist"))
    verify(name)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(small.entry.files)
    for line, file in zip(lines, small.entry.files, strict=True):
        assert line.startswith(f"OK     {tmp_path / 'cache' / name / file.path}")
        assert "structure" not in line


def test_verify_says_what_it_cannot_know(
    small_set: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_set("kmnist").write(tmp_path / "cache")
    verify("kmnist")
    lines = capsys.readouterr().out.splitlines()
    assert all(line.endswith("(its structure: the published SHA-256 is of the gzip file)") for line in lines)


def test_verify_finds_one_changed_pixel(
    small_set: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_set("mnist").write(tmp_path / "cache") / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        verify("mnist")
    text = str(caught.value)
    assert text.startswith(f"{path}: expected SHA-256 ")
    assert text.endswith("; remove it and run `ctsigprop data fetch mnist`")
    assert "\n" not in text
    marks = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert marks == ["OK", "OK", "WRONG", "OK"]


def test_verify_of_digits(capsys: pytest.CaptureFixture[str]) -> None:
    verify("digits")
    assert capsys.readouterr().out.count("OK") == 4


def test_verify_of_a_dataset_that_is_not_here() -> None:
    with pytest.raises(InputError, match="kmnist: not on this machine; run `ctsigprop data fetch kmnist`"):
        verify("kmnist")


@pytest.mark.parametrize("command", [fetch, verify])
def test_unknown_names_are_refused(command: Callable[[str], None]) -> None:
    with pytest.raises(InputError, match="unknown dataset 'cifar': choose one of digits, mnist,"):
        command("cifar")
