"""Compiled code is kept where it can be, read back only if whole, and never in the way of a solve."""

import importlib.util
import itertools
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ctsigprop
from ctsigprop.core import compilation, temporary
from ctsigprop.solvers.records import compile_field

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="Numba's compiler is off")

KERNEL = """
from ctsigprop.core.compilation import compiled

@compiled(error_model="numpy")
def doubled(x):
    return 2 * x
"""
FIELD = """
from numba import njit

@njit(cache=True)
def decaying(t, y, dydt, parameters, layout):
    dydt[:] = -y
"""
modules = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that imports a source as every new process would: with nothing compiled yet."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("CTSIGPROP_CACHE_TOLD", raising=False)

    def load_module(source):
        path = tmp_path / "module.py"
        if not path.exists() or path.read_text() != source:
            path.write_text(source)
        spec = importlib.util.spec_from_file_location(f"compiled_{next(modules)}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_module


def counts(kernel):
    return sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values())


def files(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_a_later_process_reads_what_an_earlier_one_compiled(load, tmp_path):
    first, second = load(KERNEL).doubled, load(KERNEL).doubled
    assert (first(3), first(1.5)) == (6, 3.0)
    assert (second(3), second(1.5)) == (6, 3.0)
    assert (counts(first), counts(second)) == ((0, 2), (2, 0))
    assert len(files(tmp_path)) == 2


def test_a_changed_source_is_compiled_anew_in_the_same_file(load, tmp_path):
    assert load(KERNEL).doubled(3) == 6
    kernel = load(KERNEL.replace("2 * x", "x * 3")).doubled
    assert (kernel(3), counts(kernel)) == (9, (0, 1))
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
        lambda path: path.write_bytes(path.read_bytes()[:-40] + bytes(40)),
        lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
        lambda path: path.write_bytes(os.urandom(10_000)),
        lambda path: path.unlink(),
    ],
    ids=["empty", "one byte short", "half", "zeros at the end", "one bit", "noise", "gone"],
)
def test_a_damaged_file_is_compiled_anew_and_mended(load, tmp_path, damage):
    assert load(KERNEL).doubled(3) == 6
    (path,) = files(tmp_path)
    damage(path)
    mending, mended = load(KERNEL).doubled, load(KERNEL).doubled
    assert (mending(3), counts(mending)) == (6, (0, 1))
    assert (mended(3), counts(mended)) == (6, (1, 0))


def test_what_names_types_that_are_gone_is_compiled_anew(load, monkeypatch):
    assert load(KERNEL).doubled(3) == 6

    def gone(content):
        raise AttributeError("module has no attribute 'Scheme'")

    monkeypatch.setattr(compilation, "loads", gone)
    kernel = load(KERNEL).doubled
    assert (kernel(3), counts(kernel)) == (6, (0, 1))


def test_a_field_of_the_users_own_survives_a_damaged_index(load, tmp_path):
    load(FIELD).decaying(0.0, np.ones(2), np.ones(2), np.ones(2), np.ones(1, np.int64))
    for path in files(tmp_path):
        path.write_bytes(b"")
    for expected in ((0, 1), (1, 0)):
        field = load(FIELD).decaying
        compile_field(field, np.dtype(np.float64))
        assert counts(field) == expected


def test_recompiling_forgets_what_was_kept(load, tmp_path):
    kernel = load(KERNEL).doubled
    assert kernel(3) == 6
    kernel.recompile()
    assert (kernel(3), counts(kernel)) == (6, (0, 2))
    assert len(files(tmp_path)) == 1


def test_a_full_disk_is_told_once(load, monkeypatch, caplog):
    def full(self, key, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compilation._Entries, "save", full)
    kernel = load(KERNEL).doubled
    assert (kernel(3), kernel(1.5)) == (6, 3.0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "No space left on device" in caplog.text


def test_nowhere_to_write_is_told_once(load, monkeypatch, caplog):
    monkeypatch.setattr(compilation._Place, "_locator_classes", ())
    assert (load(KERNEL).doubled(3), load(KERNEL).doubled(1.5)) == (6, 3.0)
    assert len(caplog.records) == 1
    assert "NUMBA_CACHE_DIR" in caplog.text


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are POSIX's")


@posix
def test_the_temporary_folder_is_its_owners_alone(temporary_folder):
    folder, new = temporary.private_folder("numba")
    assert new
    assert temporary.private_folder("numba") == (folder, False)
    own = temporary_folder / f"ctsigprop-{os.getuid()}"
    assert [path.stat().st_mode & 0o777 for path in (own, Path(folder))] == [0o700, 0o700]


@posix
@pytest.mark.parametrize("made", ["open to all", "a link", "a file", "another's"])
def test_a_folder_that_others_can_write_to_is_not_taken(temporary_folder, monkeypatch, made):
    own = temporary_folder / f"ctsigprop-{os.getuid()}"
    elsewhere = temporary_folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if made == "open to all":
        own.mkdir()
        own.chmod(0o770)
    elif made == "a link":
        own.symlink_to(elsewhere)
    elif made == "a file":
        own.touch(0o600)
    else:
        own.mkdir(mode=0o700)
        owner = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
        own.rename(temporary_folder / f"ctsigprop-{owner + 1}")
    assert temporary.private_folder("numba") is None
    assert not list(elsewhere.iterdir())


def mountable():
    if shutil.which("unshare") is None:
        return "no unshare"
    tried = subprocess.run(["unshare", "-rm", "mount", "--make-rprivate", "/"], capture_output=True, text=True)
    return tried.stderr.strip()


READ_ONLY = """
set -e
mount --make-rprivate /
for folder in "$@"; do mount --bind "$folder" "$folder"; mount -o remount,ro,bind "$folder"; done
exec "$PYTHON" -c "
import numpy as np
from ctsigprop.solvers.engine import copy
there = np.empty(3)
copy(np.arange(3.0), there)
import matplotlib.pyplot
print(there, sum(copy.stats.cache_hits.values()), copy.stats.cache_path)
"
"""


def test_read_only_package_and_home(tmp_path):
    if refused := mountable():
        pytest.skip(f"mounting is not allowed here: {refused}")
    home, scratch = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    scratch.mkdir()
    package = Path(ctsigprop.__file__).parent
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(scratch), "PYTHON": sys.executable}
    environment["PYTHONPATH"] = str(package.parent)
    for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CTSIGPROP_CACHE_TOLD"):
        environment.pop(name, None)

    def solve(**changed):
        command = ["unshare", "-rm", "sh", "-c", READ_ONLY, "sh", home, package, (package / "solvers").resolve()]
        here, changed = tmp_path, {**environment, **changed}  # not in a checkout, which would hide what is installed
        return subprocess.run(command, cwd=here, env=changed, capture_output=True, text=True, check=True)

    first, second = solve(), solve()
    assert first.stdout.startswith("[0. 1. 2.] 0 ")
    assert second.stdout.startswith("[0. 1. 2.] 1 ")
    assert first.stderr.count("\n") == 1
    assert str(scratch) in first.stderr
    assert second.stderr == ""
    chosen = solve(NUMBA_CACHE_DIR=str(tmp_path / "chosen"))
    assert str(tmp_path / "chosen") in chosen.stdout
    assert chosen.stderr == ""
