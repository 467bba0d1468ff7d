"""Comparisons and losses against NumPy, and their gradients against finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.nn import functional as F

from ctsigprop.discrete.losses import (
    SHARPNESS,
    HebbianLoss,
    PredictionLoss,
    cosine,
    dot,
    interleave,
    negative_l2,
    on_one_grid,
    reconstructed,
    separate,
)

SHAPES = ((7,), (3, 2, 4))


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cosine_knows_neither_lengths_nor_what_targets_share(shape):
    h, t = drawn(5, *shape), drawn(4, *shape, seed=1)
    own = (t - t.mean(0)).flatten(1).numpy()
    for sample in range(5):
        row = h[sample].flatten().numpy()
        lengths = np.linalg.norm(row) * np.linalg.norm(own, axis=1)
        assert_allclose(cosine(h, t)[sample], SHARPNESS * own @ row / lengths, atol=1e-12)
    shared = drawn(1, *shape, seed=2)
    torch.testing.assert_close(cosine(3 * h, 0.2 * t + shared), cosine(h, t))


@pytest.mark.parametrize("compare", [dot, negative_l2, cosine])
def test_scores_are_not_rounded_to_bfloat16(compare):
    """Large scores with small differences: rounded to bfloat16, they would say little."""
    h, t = drawn(16, 8, 6, 6).float(), 3 + drawn(4, 8, 6, 6, seed=1).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = compare(h, t)
    torch.testing.assert_close(found, compare(h, t))


@pytest.mark.parametrize("shape", SHAPES)
def test_comparisons_are_equations_6_and_7_averaged_over_positions(shape):
    h, t = drawn(5, *shape), drawn(4, *shape, seed=1)
    positions = np.prod(shape[1:], initial=1)
    for sample in range(5):
        for target in range(4):
            product = (h[sample] * t[target]).numpy().sum() / positions
            distance = ((h[sample] - t[target]).numpy() ** 2).sum() / positions
            assert_allclose(dot(h, t)[sample, target], product, atol=1e-12)
            assert_allclose(negative_l2(h, t)[sample, target], -distance, atol=1e-12)


@pytest.mark.parametrize("compare", [dot, negative_l2])
def test_scores_do_not_grow_with_the_image(compare):
    h, t = drawn(5, 3, 2, 2), drawn(4, 3, 2, 2, seed=1)
    assert_allclose(compare(h.tile(1, 1, 3, 3), t.tile(1, 1, 3, 3)), compare(h, t), atol=1e-12)


@pytest.mark.parametrize("compare", [dot, negative_l2])
def test_memory_layout_changes_no_score(compare):
    h, t = drawn(5, 3, 4, 6), drawn(4, 3, 4, 6, seed=1)
    assert_allclose(compare(h.contiguous(memory_format=torch.channels_last), t), compare(h, t), atol=1e-12)


def test_outputs_and_sparse_targets_meet_on_the_smaller_grid():
    h, t = on_one_grid(drawn(2, 3, 6, 6), drawn(4, 3, 3, 3))
    assert h.shape == (2, 3, 3, 3) and t.shape == (4, 3, 3, 3)
    assert_allclose(h[0, 0, 0, 0], drawn(2, 3, 6, 6)[0, 0, :2, :2].mean(), atol=1e-12)
    h, t = on_one_grid(drawn(2, 3, 2, 2), drawn(4, 3, 3, 3))
    assert h.shape == (2, 3, 2, 2) and t.shape == (4, 3, 2, 2)


def test_prediction_loss_is_the_mean_negative_logarithm_of_the_own_share():
    h, t, own = drawn(5, 7), drawn(4, 7, seed=1), torch.tensor([0, 3, 3, 1, 2])
    scores = (h @ t.T).numpy()
    share = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loss, found = PredictionLoss(dot)(h, t, own)
    assert_allclose(loss, -np.log(share[np.arange(5), own]).mean(), atol=1e-12)
    assert_allclose(found, scores, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loss", [PredictionLoss(dot), PredictionLoss(negative_l2), HebbianLoss()])
def test_gradients_are_finite_differences(loss, shape):
    labels = torch.tensor([1, 0, 1])
    h, t = drawn(3, *shape).requires_grad_(), drawn(3, *shape, seed=1)
    for own in (labels, reconstructed(labels).double()):
        assert torch.autograd.gradcheck(lambda h, own=own: loss(h, t, own)[0], (h,))
    if not isinstance(loss, HebbianLoss):
        assert torch.autograd.gradcheck(lambda t: loss(h.detach(), t, labels)[0], (t.requires_grad_(),))


def test_gradient_of_the_hebbian_loss_is_the_contrastive_hebbian_update():
    """Equation 14, with the clamped output perturbed towards the own target given the prediction, at several beta."""
    before, t, own = drawn(6, 5), drawn(3, 4, seed=1), torch.tensor([0, 1, 2, 2, 1, 0])
    weight = drawn(4, 5, seed=2).requires_grad_()
    HebbianLoss()(F.linear(before, weight), t, own)[0].backward()
    free, targets = (before @ weight.T).detach().numpy(), t.numpy()
    likelihood = np.exp(free @ targets.T)
    predicted = likelihood / likelihood.sum(1, keepdims=True) @ targets
    for beta in (1e-3, 0.5, 1.0):
        clamped = free + beta * (targets[own] - predicted)
        update = (clamped - free).T @ before.numpy() / beta / len(before)
        assert_allclose(-weight.grad, update, atol=1e-12)


def test_hebbian_targets_hold_still():
    t = drawn(3, 4).requires_grad_()
    loss, _ = HebbianLoss()(drawn(3, 4, seed=1).requires_grad_(), t, torch.tensor([0, 1, 2]))
    loss.backward()
    assert t.grad is None


def test_each_sample_comes_after_its_own_target():
    h, t = torch.arange(6.0).view(3, 2), -torch.arange(6.0).view(3, 2)
    batch = interleave(h, t)
    assert batch.tolist() == [[0, -1], [0, 1], [-2, -3], [2, 3], [-4, -5], [4, 5]]
    for found, expected in zip(separate(batch), (h, t), strict=True):
        assert torch.equal(found, expected)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_reconstructed_labels_share_out_among_targets_of_the_same_class(labels):
    shares = reconstructed(torch.tensor(labels)).numpy()
    for sample, label in enumerate(labels):
        alike = [label == other for other in labels]
        assert_allclose(shares[sample], np.array(alike) / sum(alike), atol=1e-6)


def test_without_classes_each_sample_has_the_target_it_came_after():
    assert reconstructed(torch.zeros(3, 1, 8, 8)).tolist() == [0, 1, 2]
