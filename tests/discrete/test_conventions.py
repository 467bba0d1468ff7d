"""What a user of PyTorch expects of a learner: modes, losses that are lost, state, optimizers and schedules."""

import copy

import pytest
import torch
from torch import nn

import ctsigprop as ct
from ctsigprop.errors import InputError, RunFailure

KINDS = {
    "bp": ct.discrete.Backprop,
    "dfa": ct.discrete.DirectFeedbackAlignment,
    "dtp": ct.discrete.DifferenceTargetPropagation,
    "fa": ct.discrete.FeedbackAlignment,
    "ff": ct.discrete.ForwardForward,
    "ll": ct.discrete.LocalLoss,
    "sg": ct.discrete.SyntheticGradients,
    "sp": ct.discrete.SigProp,
}


def learner(kind: str, *, normalised: bool = False, **options: object):
    torch.manual_seed(0)
    layers = [nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)]
    if normalised:
        layers[1] = nn.Sequential(nn.BatchNorm1d(9), nn.ReLU())
    return KINDS[kind](layers, (12,), **options)


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(10, 12, generator=torch.Generator().manual_seed(seed)), torch.arange(10) % 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_in_evaluation_mode_is_refused(kind: str) -> None:
    made = learner(kind).eval()
    before = copy.deepcopy(made.parameter_arrays())
    with pytest.raises(InputError, match=r"^step: the learner is in evaluation mode: call train\(\) before it learns$"):
        made.step(*batch())
    assert all((before[name] == value).all() for name, value in made.parameter_arrays().items())
    made.train().step(*batch())


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_not_finite_changes_nothing(kind: str) -> None:
    """Weights so large that products overflow: the stage is named, and neither weights nor moments move."""
    made = learner(kind, rate=1e-2)
    made.step(*batch())
    with torch.no_grad():
        for stage in made.stages:
            for parameter in stage.parameters():
                parameter.mul_(1e30)
    before = {name: value.copy() for name, value in made.arrays().items()}
    with pytest.raises(
        RunFailure, match=r"^(layer \d|network|output): the loss of the batch is not finite, and nothing"
    ):
        made.step(*batch(1))
    counters = ("_extra_state",)
    after = made.arrays()
    assert all((before[name] == after[name]).all() for name in before if not any(one in name for one in counters))
    assert all(parameter.grad is None for parameter in made.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_not_finite_leaves_running_statistics_as_they_were(kind: str) -> None:
    made = learner(kind, normalised=True)
    made.step(*batch())
    statistics = {name: one for name, one in made.named_buffers() if "running_" in name or "num_batches" in name}
    before = {name: one.clone() for name, one in statistics.items()}
    assert len(before) == 3
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1e30 if parameter.ndim > 1 else torch.inf)
    with pytest.raises(RunFailure, match=r"the loss of the batch is not finite, and nothing"):
        made.step(*batch(1))
    assert all(torch.equal(before[name], one) for name, one in statistics.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_dict_is_all_that_training_needs(kind: str) -> None:
    one, other = learner(kind), learner(kind)
    for seed in range(3):
        one.step(*batch(seed))
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for made in (one, other):
        made.step(*batch(3))
    assert one.arrays().keys() == other.arrays().keys()
    assert all((value == other.arrays()[name]).all() for name, value in one.arrays().items())


@pytest.mark.parametrize("kind", KINDS)
def test_optimizers_and_schedules_of_ones_own(kind: str) -> None:
    made = learner(kind, optimizer=lambda each: torch.optim.SGD(each, lr=0.1, momentum=0.9))
    assert list(made.optimizers) == [stage.name for stage in made.stages]
    schedules = [torch.optim.lr_scheduler.StepLR(one, 1, gamma=0.5) for one in made.optimizers.values()]
    made.step(*batch())
    for schedule in schedules:
        schedule.step()
    assert {group["lr"] for one in made.optimizers.values() for group in one.param_groups} == {0.05}
    made.decay_rates(0.1)
    assert {round(one.param_groups[0]["lr"], 9) for one in made.optimizers.values()} == {0.01}
