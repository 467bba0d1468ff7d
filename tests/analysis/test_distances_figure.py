"""Fig. 3: its claims on hand-made distances, and that every number is drawn."""

import pytest
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.distances import distances_figure
from ctsigprop.analysis.plots.style import styled
from ctsigprop.discrete.distances import Distances
from ctsigprop.experiments.paper.figure_3.claims import APART, LEARNED, NEARER, SUCCESSIVE, WIDENS, all_claims

Found = dict[int, list[Distances]]

PLACES = ("input", "layer 1", "layer 2")
NEAREST, CLASSES = 18.0, 10


def points(epoch: int, same: tuple[float, ...], other: tuple[float, ...], places: tuple[str, ...] = PLACES) -> Found:
    return {epoch: [Distances(*row, 0.05, 0.03, NEAREST) for row in zip(places, same, other, strict=True)]}


UNTRAINED = points(0, (1.0, 0.7, 0.5), (1.0, 0.71, 0.5))
AS_THE_PAPER_SAYS = (0.99, 0.4, 0.2), (1.03, 0.7, 0.8)


def holding(trained: Found) -> set[str]:
    return {claim.claim for claim in all_claims(UNTRAINED | trained, CLASSES) if claim.holds}


def test_all_claims_hold_where_it_is_as_the_paper_says() -> None:
    assert holding(points(5, *AS_THE_PAPER_SAYS)) == {APART, NEARER, SUCCESSIVE, WIDENS, LEARNED}


@pytest.mark.parametrize(
    ("same", "other", "fails"),
    [
        ((0.99, 0.40, 0.45), (1.03, 0.70, 0.80), {SUCCESSIVE}),
        ((0.99, 0.40, 0.20), (1.03, 0.70, 0.45), {WIDENS}),
        ((0.99, 0.70, 0.60), (1.00, 0.71, 0.62), {LEARNED, WIDENS}),
        ((0.99, 0.50, 0.40), (1.00, 0.45, 0.80), {NEARER, LEARNED, WIDENS}),
    ],
)
def test_a_claim_fails_on_its_own_numbers(same: tuple[float, ...], other: tuple[float, ...], fails: set[str]) -> None:
    assert {APART, NEARER, SUCCESSIVE, WIDENS, LEARNED} - holding(points(5, same, other)) >= fails


def test_inputs_that_find_their_own_target_before_the_first_layer_are_near_it() -> None:
    claims = UNTRAINED | points(5, *AS_THE_PAPER_SAYS)
    assert [claim.holds for classes in (11, 12) for claim in all_claims(claims, classes) if claim.claim == APART] == [
        True,
        False,
    ]


def test_the_last_epoch_is_judged_and_the_first_is_what_it_is_compared_with() -> None:
    better = points(5, *AS_THE_PAPER_SAYS)
    assert holding(points(3, (1, 1, 1), (0, 0, 0)) | better) == holding(better)
    numbers = {claim.claim: claim.numbers for claim in all_claims(UNTRAINED | better, CLASSES)}
    assert numbers[LEARNED] == pytest.approx({"layer 1": 0.29, "layer 2": 0.6})
    assert numbers[WIDENS] == pytest.approx({"input": 0.04, "layer 1": 0.3, "layer 2": 0.6})


def test_without_targets_at_the_input_nothing_is_said_of_it() -> None:
    places = PLACES[1:]
    found = points(0, (0.7, 0.5), (0.7, 0.5), places) | points(5, (0.4, 0.2), (0.7, 0.8), places)
    assert {claim.claim for claim in all_claims(found, CLASSES)} == {NEARER, SUCCESSIVE, WIDENS, LEARNED}


def curves(figure: Figure) -> list[list[list[float]]]:
    """Heights of every panel's curves."""
    return [[list(line.get_ydata()) for line in axes.lines] for axes in figure.axes]


def test_the_figure_draws_every_distance() -> None:
    with styled():
        panels = curves(distances_figure(UNTRAINED | points(5, *AS_THE_PAPER_SAYS)))
    assert panels[0] == [[1.0, 0.7, 0.5], [1.0, 0.71, 0.5]]
    assert panels[1] == [list(AS_THE_PAPER_SAYS[0]), list(AS_THE_PAPER_SAYS[1])]
    assert panels[2] == [pytest.approx([0.0, 0.04]), pytest.approx([0.01, 0.3]), pytest.approx([0.0, 0.6])]
    assert panels[3] == [[NEAREST, NEAREST]] * 3


def test_of_many_epochs_some_have_a_panel_and_all_are_in_the_curves() -> None:
    many = {epoch: found for epoch in range(20) for found in points(epoch, *AS_THE_PAPER_SAYS).values()}
    with styled():
        figure = distances_figure(many)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]
    assert (titles[0], titles[5]) == ("before training", "after epoch 19")
    assert len(figure.axes) == 6 + 2
    assert len(curves(figure)[-1][0]) == 20
