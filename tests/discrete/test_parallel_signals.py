import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from ctsigprop.discrete.parallel import signals as parallel_signals  # noqa: E402
from ctsigprop.discrete.parallel.signals import DTYPES, TENSORS  # noqa: E402


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Tensors of any type that travels, with their axes in any order, with gaps and repetitions."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    values = torch.arange(torch.Size(shape).numel()).reshape(shape).to(draw(st.sampled_from(DTYPES)))
    values = values.permute(draw(st.permutations(range(len(shape)))))
    match draw(st.sampled_from(["whole", "part", "repeated"])):
        case "part":
            values = values[..., : draw(st.integers(1, values.shape[-1]))]
        case "repeated":
            values = values[:1].expand(3, *values.shape[1:])
    return values


@given(st.lists(st.none() | tensors(), min_size=1, max_size=TENSORS))
def test_what_arrives_is_what_was_sent(sent: list[torch.Tensor | None]) -> None:
    dense = [None if one is None else parallel_signals._dense(one) for one in sent]
    device = torch.device("cpu")
    for before, one, layout in zip(sent, dense, parallel_signals._header(dense).tolist(), strict=False):
        arrived = parallel_signals._empty(layout, device)
        if before is None or one is None or arrived is None:
            assert before is one is arrived is None
            continue
        parallel_signals._flat(arrived).copy_(parallel_signals._flat(one))
        assert arrived.dtype == before.dtype
        assert arrived.shape == before.shape
        assert arrived.stride() == torch.empty_like(before).stride()
        assert torch.equal(arrived, before)


def test_memory_formats_are_kept_without_a_copy() -> None:
    images = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    assert parallel_signals._dense(images) is images
    arrived = parallel_signals._empty(parallel_signals._header([images])[0].tolist(), torch.device("cpu"))
    assert arrived is not None
    assert arrived.is_contiguous(memory_format=torch.channels_last)
