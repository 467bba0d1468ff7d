from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from ctsigprop.discrete.parallel.split import balanced

COSTS = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=8)


def splits(stages: int, parts: int) -> Iterator[list[range]]:
    """All ways to cut the stages into so many parts of neighbours."""
    for cuts in combinations(range(1, stages), parts - 1):
        yield [range(start, end) for start, end in pairwise((0, *cuts, stages))]


def slowest(costs: Sequence[float], split: Sequence[range]) -> float:
    return max(sum(costs[stage] for stage in part) for part in split)


@given(COSTS, st.data())
def test_no_other_split_has_a_faster_slowest_part(costs: list[float], data: st.DataObject) -> None:
    parts = data.draw(st.integers(1, len(costs)))
    found = balanced(costs, parts)
    assert [stage for part in found for stage in part] == list(range(len(costs)))
    assert len(found) == parts
    assert all(found)
    assert slowest(costs, found) == min(slowest(costs, split) for split in splits(len(costs), parts))


def test_vgg8b_by_its_products_is_cut_before_the_fourth_layer() -> None:
    millions = [3.5, 302, 151, 302, 151, 38, 2, 0.01]
    assert balanced(millions, 2) == [range(0, 3), range(3, 8)]
