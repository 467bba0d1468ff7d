"""Published checksums against the bytes on disk."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from ctsigprop.data.entry import DataFile
from ctsigprop.data.files import GZIP_MAGIC, MalformedFile, read, read_packed


def check_sha256(path: Path, expected: str, content: bytes) -> None:
    """Refuse content whose SHA-256 is not the expected one.

    Raises:
        MalformedFile: The checksums differ.
    """
    found = sha256(content).hexdigest()
    if found != expected:
        raise MalformedFile(path, f"SHA-256 {expected[:16]}...", f"{found[:16]}...")


def check_published(path: Path, file: DataFile) -> None:
    """Refuse a file whose SHA-256 is not the published one.

    Raises:
        MalformedFile: The checksums differ, or a gzip stream is damaged.
    """
    content = read(path) if file.sha256_of == "content" else read_packed(path)
    check_sha256(path, file.sha256, content)


def has_published_sha256(path: Path, file: DataFile) -> bool:
    """False for an unpacked file whose published checksum is of the gzip file alone."""
    if file.sha256_of == "content":
        return True
    with path.open("rb") as stream:
        return stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
