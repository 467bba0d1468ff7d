"""What a stranger can do to what processes tell each other: nothing that is taken for theirs."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsigprop.discrete.parallel.seal import META, TAG, Seal, pack, unpack
from ctsigprop.errors import RunFailure

KEY = b"a key that all processes have"


def test_what_is_unpacked_is_what_was_packed() -> None:
    meta = {"epoch": 3, "losses": {"layer 1": 0.1 + 0.2}, "none": None}
    arrays = {"stages.0.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 4))}
    found, content = unpack(pack(meta, arrays))
    assert found == meta
    assert content.keys() == arrays.keys()
    for name, array in arrays.items():
        assert content[name].dtype == array.dtype
        np.testing.assert_array_equal(content[name], array)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("an object was unpickled",)


def test_no_object_is_unpickled() -> None:
    with pytest.raises((ValueError, OSError)):
        unpack(pickle.dumps(Harmful()))
    with pytest.raises(ValueError, match="allow_pickle"):
        unpack(pack({}, {"objects": np.array([Harmful()], dtype=object)}))
    assert META not in json.dumps(unpack(pack({}))[0])


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_messages_in_order_are_passed(messages: list[bytes]) -> None:
    sender, receiver = Seal(KEY, "0 > 1"), Seal(KEY, "0 > 1")
    for message in messages:
        receiver.check(sender.tag(message), message)


@pytest.mark.parametrize("how", ["content", "signature", "secret", "sent to another", "sent before", "left out"])
def test_any_other_message_is_refused(how: str) -> None:
    sender, receiver, message = Seal(KEY, "0 > 1"), Seal(KEY, "0 > 1"), b"gradients"
    tag = sender.tag(message)
    match how:
        case "content":
            message = b"gradient5"
        case "signature":
            tag = bytes(TAG)
        case "secret":
            tag = Seal(b"another key", "0 > 1").tag(message)
        case "sent to another":
            tag = Seal(KEY, "0 > 2").tag(message)
        case "sent before":
            receiver.check(tag, message)
        case "left out":
            tag = sender.tag(message)
    with pytest.raises(RunFailure, match=r"^a message 0 > 1 does not bear this run's secret: "):
        receiver.check(tag, message)
