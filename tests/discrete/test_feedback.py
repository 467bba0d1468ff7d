"""Feedback alignment: BP where B is the weights; a convolution's errors go back through the kernels B."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose
from torch import nn

from ctsigprop.discrete.rules.feedback import FeedbackConv2d, FeedbackLinear, with_feedback
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.settings.discrete import DiscreteLearningSettings, DiscreteNetworkSettings, DiscreteSettings


def learner(algorithm, dropout=0.0, precision=torch.float64, **network):
    chosen = DiscreteNetworkSettings(dropout=dropout, **network)
    settings = DiscreteSettings(network=chosen, learning=DiscreteLearningSettings(algorithm=algorithm))
    made = learner_for(settings, (3, 8, 8), 5).to(precision)
    made.stages[0].optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
    return made


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("network", [{"hidden": (9, 8, 7)}, {"architecture": "conv"}], ids=["fc", "conv"])
def test_with_the_weights_for_feedback_it_is_backpropagation(network, batch_norm):
    bp, fa = (learner(name, dropout=0.1, batch_norm=batch_norm, **network) for name in ("bp", "fa"))
    aligned = [one for one in fa.modules() if isinstance(one, FeedbackLinear | FeedbackConv2d)]
    assert len(aligned) == len(fa.stages[0].layer.blocks)
    before = {name: value.clone() for name, value in bp.named_parameters()}
    for one in aligned:
        one.feedback.copy_(one.weight)
    x, y = torch.randn(6, 3, 8, 8, dtype=torch.float64), torch.arange(6) % 5
    bp.step(x, y)
    fa.step(x, y)
    for (name, one), (_, other) in zip(bp.named_parameters(), fa.named_parameters(), strict=True):
        change = (one - before[name]).abs().max()
        assert change > 0, name
        assert (one - other).abs().max() < 1e-10 * change, name


def test_the_forward_pass_is_the_same_and_feedback_is_not_learned():
    bp, fa = learner("bp", hidden=(9, 8)), learner("fa", hidden=(9, 8))
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    assert torch.equal(bp.eval().scores(x)["network"], fa.eval().scores(x)["network"])
    assert not any(name.endswith("feedback") for name, _ in fa.named_parameters())
    assert sum(name.endswith("feedback") for name in fa.state_dict()) == 2


def convolved(h, kernels, padding):
    patches = sliding_window_view(np.pad(h, ((0, 0), (0, 0), (padding, padding), (padding, padding))), (3, 3), (2, 3))
    return np.einsum("ncijab,ocab->noij", patches, kernels), patches


def test_convolution():
    """The inputs' gradient is the adjoint of a convolution with B; the kernels' does not hold B."""
    random = np.random.default_rng(0)
    layer = with_feedback(nn.Conv2d(2, 3, 3, padding=1).double(), torch.Generator().manual_seed(0))
    h = torch.from_numpy(random.normal(size=(4, 2, 5, 6))).requires_grad_()
    error = random.normal(size=(4, 3, 5, 6))
    out = layer(h)
    out.backward(torch.from_numpy(error))

    z, patches = convolved(h.detach().numpy(), layer.weight.detach().numpy(), 1)
    assert_allclose(out.detach().numpy(), z + layer.bias.detach().numpy()[:, None, None], atol=1e-12)
    assert_allclose(layer.weight.grad.numpy(), np.einsum("noij,ncijab->ocab", error, patches), atol=1e-12)
    assert_allclose(layer.bias.grad.numpy(), error.sum((0, 2, 3)), atol=1e-12)
    for _ in range(5):
        v = random.normal(size=(4, 2, 5, 6))
        back = convolved(v, layer.feedback.numpy(), 1)[0]
        assert_allclose((h.grad.numpy() * v).sum(), (error * back).sum(), rtol=1e-10)


@pytest.mark.parametrize("network", [{"hidden": (9, 8)}, {"architecture": "conv"}], ids=["fc", "conv"])
def test_mixed_precision(network):
    """In bfloat16 the parameters' gradients stay float32, near to those in float32: the deepest is five layers away."""
    updates = []
    x, y = torch.randn(8, 3, 8, 8), torch.arange(8) % 5
    for precision in ("float32", "bfloat16"):
        fa = learner("fa", precision=torch.float32, **network)
        fa.precision = precision
        before = [one.detach().clone() for one in fa.parameters()]
        fa.stages[0].optimizer = torch.optim.SGD(fa.parameters(), lr=1.0)
        fa.step(x, y)
        changes = [(one - old).flatten() for one, old in zip(fa.parameters(), before, strict=True)]
        updates.append(torch.cat(changes).detach())
    assert updates[1].dtype == torch.float32
    assert torch.cosine_similarity(*updates, dim=0) > 0.95
