"""Downloads: mirrors in turn, checksums before a file gets its name, nothing half-written."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ctsigprop.data.entry import Archive, DataFile, Entry
from ctsigprop.data.files import MalformedFile, is_there, temporary_beside
from ctsigprop.data.integrity import check_published, check_sha256
from ctsigprop.data.locate import VARIABLE
from ctsigprop.errors import RunFailure

if TYPE_CHECKING:
    from requests import RequestException

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 16


def download(entry: Entry, folder: Path) -> None:
    """Download the files that `folder` lacks; check each against its published SHA-256 first.

    Raises:
        RunFailure: No mirror gave the published file, or the folder cannot be written.
    """
    missing = [file for file in entry.files if not is_there(folder, file.path)]
    try:
        if entry.archive is None:
            for file in missing:
                _download_file(entry, file, folder)
        elif missing:
            _download_archive(entry, entry.archive, missing, folder)
    except OSError as error:
        raise RunFailure(
            f"{folder}: cannot be written ({error.strerror or error}); make room there, or set ${VARIABLE} "
            "to another folder"
        ) from error
    finally:
        with suppress(OSError):  # a folder that holds a file stays
            folder.rmdir()


def _download_file(entry: Entry, file: DataFile, folder: Path) -> None:
    target = folder / (file.path + entry.suffix)
    with temporary_beside(target) as part:
        _retrieve(entry, target, part, lambda: check_published(part, file))
        os.replace(part, target)


def _download_archive(entry: Entry, archive: Archive, files: list[DataFile], folder: Path) -> None:
    target = folder / archive.name
    with temporary_beside(target) as part:
        _retrieve(entry, target, part, lambda: check_sha256(part, archive.sha256, part.read_bytes()))
        with tarfile.open(part) as members:
            for file in files:
                _extract(members, file.path, folder / file.path)


def _extract(members: tarfile.TarFile, name: str, target: Path) -> None:
    content = members.extractfile(name)
    assert content is not None, f"{name} is a regular file of an archive whose checksum is right"
    with temporary_beside(target) as part:
        with content, part.open("wb") as stream:
            shutil.copyfileobj(content, stream)
        os.replace(part, target)


def _retrieve(entry: Entry, target: Path, part: Path, check: Callable[[], None]) -> None:
    """Download `target` to `part` from the first mirror whose copy passes `check`."""
    from pooch import HTTPDownloader
    from requests import RequestException

    on_terminal = sys.stderr.isatty()
    fetch = HTTPDownloader(
        progressbar=on_terminal,
        chunk_size=CHUNK_BYTES,
        timeout=TIMEOUT_SECONDS,
        headers={"Accept-Encoding": "identity"},
    )
    failures = []
    for mirror in entry.mirrors:
        if on_terminal:
            print(f"{mirror}{target.name}", file=sys.stderr)
        try:
            fetch(mirror + target.name, part, pooch=None)
            check()
            return
        except RequestException as error:
            failures.append(f"{urlsplit(mirror).netloc}: {_reason(error)}")
        except MalformedFile as error:
            failures.append(f"{urlsplit(mirror).netloc}: expected {error.expected}, found {error.found}")
    raise RunFailure(
        f"{entry.name}: no mirror gave {target.name} ({'; '.join(failures)}); check the network and try "
        f"`ctsigprop data fetch {entry.name}` again, or bring the file to {target.parent} yourself"
    )


def _reason(error: RequestException) -> str:
    from requests import Timeout

    if error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, Timeout):
        return f"no answer in {TIMEOUT_SECONDS} s"
    return "connection failed or lost"
