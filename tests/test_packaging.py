"""The project's own files agree with each other."""

import re
import tomllib
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import ctsigprop

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAPPING = PROJECT["tool"]["setuptools"]["package-dir"]


def package_names() -> set[str]:
    """The import name of every folder that holds an __init__.py."""
    names = set()
    for package, folder in MAPPING.items():
        for path in (ROOT / folder).rglob("__init__.py"):
            names.add(".".join((package, *path.parent.relative_to(ROOT / folder).parts)))
    return names


def test_every_package_is_installed() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == package_names()


def test_every_file_of_code_and_data_is_installed() -> None:
    kinds = {".css", ".gz", ".j2", ".js", ".py", ".typed", ".yaml"}
    for package, folder in MAPPING.items():
        installed = files(package)
        for path in (ROOT / folder).rglob("*"):
            if "results" not in path.parts and (path.suffix in kinds or path.name == "py.typed"):
                assert installed.joinpath(*path.relative_to(ROOT / folder).parts).is_file(), path


def test_one_version() -> None:
    assert ctsigprop.__version__ == PROJECT["project"]["version"] == version("ctsigprop")


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonical(line.split("==")[0]) for line in lines if "==" in line}
    extras = PROJECT["project"]["optional-dependencies"].values()
    for requirement in sum(extras, PROJECT["project"]["dependencies"]):
        assert canonical(re.split(r"[\[<>=]", requirement)[0]) in pinned


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
