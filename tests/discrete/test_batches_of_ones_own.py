"""Batches that a loop of the user's hands to a learner: what cannot be learned from is refused in one line."""

import pytest
import torch
from torch import nn

from ctsigprop.discrete.rules.sigprop import SigpropLearner
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.targets import TargetOnly
from ctsigprop.errors import InputError

FEATURES, UNITS, CLASSES = 5, 7, 3
LABELS = torch.tensor([0, 2, 1, 1])


def learner(precision: str = "float32", *, normalised: bool = False) -> SigpropLearner:
    torch.manual_seed(0)
    between = [nn.BatchNorm1d(UNITS)] if normalised else []
    layers = [nn.Sequential(nn.Linear(FEATURES, UNITS), *between, nn.ReLU()), nn.Sequential(nn.Linear(UNITS, UNITS))]
    generator = TargetOnly(CLASSES, Layout((UNITS,)))
    return SigpropLearner(layers, generator, CLASSES, output=nn.Linear(UNITS, CLASSES), precision=precision)


def inputs(samples: int = len(LABELS)) -> torch.Tensor:
    return torch.randn(samples, FEATURES, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_value_that_is_not_finite_changes_no_parameter(value: float) -> None:
    trained, x = learner(), inputs()
    x[2, 3] = value
    before = trained.parameter_arrays()
    with pytest.raises(InputError, match="inputs: hold NaN or infinity: mend them"):
        trained.step(x, LABELS)
    assert all((before[name] == array).all() for name, array in trained.parameter_arrays().items())
    x[2, 3] = 3e38
    trained.step(x, LABELS)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64, torch.int64])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_inputs_of_another_type_are_refused(dtype: torch.dtype, precision: str) -> None:
    trained, x = learner(precision), inputs().to(dtype)
    words = f"inputs: are of {dtype}: must be of torch.float32: convert them"
    with pytest.raises(InputError, match=words):
        trained.step(x, LABELS)
    with pytest.raises(InputError, match=words):
        trained.eval().scores(x)


def test_one_sample_where_statistics_need_two_is_refused() -> None:
    trained = learner(normalised=True)
    with pytest.raises(InputError, match=r"a batch of 1, and batch normalisation in training needs two samples: leave"):
        trained.step(inputs(1), LABELS[:1])
    trained.step(inputs(), LABELS)
    assert torch.isfinite(trained.eval().scores(inputs(1))["output"]).all()


def test_errors_of_a_layer_itself_are_its_own() -> None:
    trained = learner()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        trained.step(torch.zeros(len(LABELS), FEATURES + 1), LABELS)
