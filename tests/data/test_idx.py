"""IDX files: what is written comes back, and nothing else is taken for it."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ctsigprop.data.files import MalformedFile
from ctsigprop.data.idx import read_idx

VALUES = arrays(np.uint8, array_shapes(max_dims=4, max_side=6))


def encode(values: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "values-ubyte"


@given(values=VALUES, gzipped=st.booleans())
def test_round_trip(path: Path, values: np.ndarray, gzipped: bool) -> None:
    content = encode(values)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    result = read_idx(path, axes=values.ndim)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, values)


@given(values=VALUES, data=st.data())
def test_every_cut_is_noticed(path: Path, values: np.ndarray, data: st.DataObject) -> None:
    content = encode(values)
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(MalformedFile, match=r"expected .* found"):
        read_idx(path, axes=values.ndim)


@given(values=VALUES, data=st.data())
def test_every_cut_of_a_gzip_stream_is_noticed(path: Path, values: np.ndarray, data: st.DataObject) -> None:
    packed = gzip.compress(encode(values))
    path.write_bytes(packed[: data.draw(st.integers(0, len(packed) - 1))])
    with pytest.raises(MalformedFile, match=r"expected .* found"):
        read_idx(path, axes=values.ndim)


@given(values=VALUES, extra=st.binary(min_size=1, max_size=5))
def test_trailing_bytes_are_noticed(path: Path, values: np.ndarray, extra: bytes) -> None:
    path.write_bytes(encode(values) + extra)
    with pytest.raises(MalformedFile, match=f"expected {len(encode(values))} bytes"):
        read_idx(path, axes=values.ndim)


@pytest.mark.parametrize("kind", [0x00, 0x09, 0x0B, 0x0C, 0x0D, 0x0E])
def test_other_types_of_value_are_refused(path: Path, kind: int) -> None:
    path.write_bytes(struct.pack(">BBBBI", 0, 0, kind, 1, 2) + b"\x01\x02")
    with pytest.raises(MalformedFile, match=r"IDX labels \(magic number 2049\), found magic number"):
        read_idx(path, axes=1)
