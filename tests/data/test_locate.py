"""Where datasets are looked for, in which order, and where downloads go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ctsigprop.data import load, locate
from ctsigprop.data.catalog import CATALOG
from ctsigprop.data.download import download
from ctsigprop.errors import InputError, RunFailure

PUBLISHED_SYSTEM_ROOTS = locate.SYSTEM_ROOTS


def found_in(name: str, data_dir: Path | None = None) -> str | None:
    location = locate.locate(CATALOG[name], data_dir)
    return location and location.folder.parent.name


def test_own_folder_then_variable_then_cache_then_system(
    small_set: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_set("mnist")
    monkeypatch.setenv(locate.VARIABLE, str(tmp_path / "variable"))
    assert found_in("mnist") is None
    for place in ("system", "cache", "variable"):
        small.write(tmp_path / place, gzipped=place == "system")
        assert found_in("mnist") == place
    small.write(tmp_path / "own")
    assert found_in("mnist", tmp_path / "own") == "own"
    assert found_in("mnist", tmp_path / "elsewhere") == "cache"


def test_system_folders_are_those_of_debian_and_local_installs() -> None:
    assert [str(root) for root in PUBLISHED_SYSTEM_ROOTS] == [
        "/usr/share/datasets",
        "/usr/local/share/datasets",
    ]


def test_a_home_folder_is_expanded(small_set: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(locate.VARIABLE, "~/sets")
    small_set("mnist").write(tmp_path / "sets")
    assert found_in("mnist") == "sets"


def test_the_home_folder_of_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(locate.VARIABLE, "~nobody-by-this-name/sets")
    with pytest.raises(
        InputError, match=r"^\$CTSIGPROP_DATA = ~nobody-by-this-name/sets: there is no such home folder"
    ):
        load("mnist")
    with pytest.raises(InputError, match=r"^data_dir = ~nobody-by-this-name: there is no such home folder"):
        load("mnist", data_dir="~nobody-by-this-name")


def test_digits_are_always_those_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "train-images-idx3-ubyte").write_bytes(b"not these")
    assert len(load("digits", data_dir=tmp_path, download=False).train) == 1197


def test_an_unfinished_cache_does_not_hide_the_system_folder(small_set: Callable, tmp_path: Path) -> None:
    small = small_set("mnist")
    (small.write(tmp_path / "cache") / "train-labels-idx1-ubyte").unlink()
    assert found_in("mnist") is None
    small.write(tmp_path / "system")
    assert found_in("mnist") == "system"


def test_an_unfinished_folder_of_the_user_is_not_passed_over(small_set: Callable, tmp_path: Path) -> None:
    small = small_set("mnist")
    small.write(tmp_path / "cache")
    (small.write(tmp_path / "own") / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="found no train-labels-idx1-ubyte"):
        load("mnist", data_dir=tmp_path / "own")


def test_downloads_go_to_the_users_folder_else_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = CATALOG["mnist"]
    assert locate.download_folder(entry) == tmp_path / "cache" / "mnist"
    assert locate.download_folder(entry, tmp_path / "own" / "sets") == tmp_path / "own" / "sets" / "mnist"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert locate.download_folder(entry, tmp_path / "own") == tmp_path / "cache" / "mnist"


def test_a_file_in_place_of_the_users_folder_sends_downloads_to_the_cache(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("a file")
    assert locate.download_folder(CATALOG["mnist"], tmp_path / "own") == tmp_path / "cache" / "mnist"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunFailure, match=r"cache/mnist: cannot be written \(.*\); make room there, or set \$CTS"):
        download(CATALOG["mnist"], tmp_path / "cache" / "mnist")


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_files_under_their_other_common_names_are_read(
    small_set: Callable, tmp_path: Path, name: str, gzipped: bool
) -> None:
    small = small_set(name)
    folder = small.write(tmp_path / "own", gzipped=gzipped)
    whole = load(name, data_dir=tmp_path / "own", download=False)
    for path in folder.iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    dotted = load(name, data_dir=tmp_path / "own", download=False)
    torchvision = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}[name]
    (tmp_path / "own" / torchvision).mkdir()
    folder.rename(tmp_path / "own" / torchvision / "raw")
    for other in (dotted, load(name, data_dir=tmp_path / "own", download=False)):
        assert (other.train.images == whole.train.images).all() and (other.test.labels == whole.test.labels).all()


def test_what_lies_there_instead_is_named(small_set: Callable, tmp_path: Path) -> None:
    small_set("mnist")
    (tmp_path / "own" / "mnist").mkdir(parents=True)
    for name in ("train.csv", "test.csv", "e", "d", "c"):
        (tmp_path / "own" / "mnist" / name).touch()
    with pytest.raises(InputError, match=r"found only c, d, e, test.csv and others in .*own/mnist; run `ctsigprop"):
        load("mnist", data_dir=tmp_path / "own", download=False)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(small_set: Callable, tmp_path: Path) -> None:
    folder = small_set("mnist").write(tmp_path / "own")
    (folder / "train-images-idx3-ubyte").unlink()
    os.mkfifo(folder / "train-images-idx3-ubyte")
    with pytest.raises(InputError, match="found no train-images-idx3-ubyte"):
        load("mnist", data_dir=tmp_path / "own", download=False)
