"""What processes tell each other: JSON and arrays, signed with a secret that they share. Nothing is unpickled.

Whoever lacks the secret can end a run by what he sends, as a cable that is pulled does, but cannot change it.
"""

import hmac
import io
import json
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.errors import RunFailure

Arrays = Mapping[str, NDArray[Any]]

TAG = 32
"""Bytes of a signature."""
META = "__meta__"


class Seal:
    """Signs the messages of one direction, or checks them: HMAC-SHA256 of direction, number and content.

    The number refuses a message that was sent before, the direction one that was sent to another process.
    """

    def __init__(self, key: bytes, direction: str) -> None:
        """Begins with message 0.

        Args:
            key: that the processes share.
            direction: such as "0 > 1", the same at both ends.
        """
        self._key, self._direction, self._numbers = key, direction, count()

    def tag(self, *parts: bytes | memoryview) -> bytes:
        """The signature of the next message."""
        code = hmac.new(self._key, f"{self._direction} {next(self._numbers)} ".encode(), "sha256")
        for part in parts:
            code.update(part)
        return code.digest()

    def check(self, tag: bytes, *parts: bytes | memoryview) -> None:
        """Passes the next message if this is its signature.

        Raises:
            RunFailure: it is not.
        """
        if not hmac.compare_digest(self.tag(*parts), tag):
            raise RunFailure(
                f"a message {self._direction} does not bear this run's secret: somebody else is on the network: "
                "keep the processes to a network of your own, and go on with --resume"
            )


def pack(meta: Mapping[str, Any], arrays: Arrays | None = None) -> bytes:
    """A message of JSON and arrays, as a checkpoint holds them."""
    file = io.BytesIO()
    record = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    np.savez(file, **{META: record}, **(arrays or {}))  # type: ignore[arg-type]
    return file.getvalue()


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """JSON and arrays of a message whose signature was checked."""
    with np.load(io.BytesIO(message), allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}
    return json.loads(arrays.pop(META).tobytes()), arrays
