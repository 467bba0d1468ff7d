"""Signal propagation through three layers against NumPy, and what holds at every cut."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from torch import Tensor, nn

from ctsigprop.discrete.losses import HebbianLoss, LayerLoss, PredictionLoss, dot, interleave, negative_l2
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.rules.sigprop import SigProp, SigpropLearner
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.target_forward import for_targets, pass_targets
from ctsigprop.discrete.targets import SharedTarget, TargetGenerator, TargetInput, TargetLoop, TargetOnly
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Signal
from ctsigprop.settings.discrete import (
    DiscreteNetworkSettings,
    DiscreteSettings,
    DiscreteTrainingSettings,
    Statistics,
    TargetSettings,
)

Array = NDArray[np.float64]

FEATURES, WIDTHS, CLASSES = 5, (7, 6, 8), 4
LABELS = torch.tensor([2, 0, 3, 3, 1, 0])
LEAK = 0.01
RULES: dict[str, LayerLoss] = {
    "dot": PredictionLoss(dot),
    "l2": PredictionLoss(negative_l2),
    "hebbian": HebbianLoss(),
}


def inputs(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape or (len(LABELS), FEATURES), generator=torch.Generator().manual_seed(seed))


def learner(
    generator: TargetGenerator | None = None, loss: LayerLoss | None = None, *, output: bool = True, rate: float = 5e-4
) -> SigpropLearner:
    """Three hidden layers in float64."""
    torch.manual_seed(3)
    sizes = (FEATURES, *WIDTHS)
    layers = [nn.Sequential(nn.Linear(before, after), nn.LeakyReLU(LEAK)) for before, after in pairwise(sizes)]
    made = generator or TargetOnly(CLASSES, Layout((WIDTHS[0],)))
    last = nn.Linear(WIDTHS[-1], CLASSES) if output else None
    return SigpropLearner(layers, made, CLASSES, output=last, loss=loss, rate=rate).double()


def gradients(trained: SigpropLearner, x: torch.Tensor, labels: torch.Tensor = LABELS) -> dict[str, Array]:
    """What each stage's loss is differentiated to, read from one step of gradient descent at rate 1."""
    for stage in trained.stages:
        stage.optimizer = torch.optim.SGD([one for one in stage.parameters() if one.requires_grad], lr=1.0)
    before = {name: value.detach().clone() for name, value in trained.named_parameters()}
    trained.step(x, labels)
    return {name: (before[name] - value).detach().numpy() for name, value in trained.named_parameters()}


def f(z: Array) -> Array:
    return np.where(z > 0, z, LEAK * z)


def slope(z: Array) -> Array:
    return np.where(z > 0, 1.0, LEAK)


def softmax(scores: Array) -> Array:
    return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)


@dataclass(frozen=True)
class Reference:
    """Signal propagation with target-only targets, written out: every layer's gradient in NumPy."""

    state: dict[str, Array]
    rule: str
    own: Array

    def pull(self, h: Array, t: Array) -> tuple[Array, Array]:
        """Gradients of the layer's loss at h and at t."""
        scores = h @ t.T
        if self.rule == "l2":
            scores = -((h[:, None] - t) ** 2).sum(2)
        wrong = (softmax(scores) - self.own) / len(h)
        if self.rule != "l2":
            return wrong @ t, wrong.T @ h * (self.rule == "dot")
        apart = h[:, None] - t
        return -2 * (wrong[:, :, None] * apart).sum(1), 2 * (wrong[:, :, None] * apart).sum(0)

    def gradients(self, x: Array, classes: Array) -> dict[str, Array]:
        found: dict[str, Array] = {}
        h, t, one_hot = x, None, np.eye(CLASSES)[classes]
        for number in range(3):
            layer = f"stages.{number}.layer.0"
            weight, bias = self.state[f"{layer}.weight"], self.state[f"{layer}.bias"]
            z = h @ weight.T + bias
            if t is None:
                source = f"stages.{number}.generator.project"
                before = np.eye(CLASSES) if self.own.shape[1] == CLASSES else one_hot
                u = before @ self.state[f"{source}.weight"].T + self.state[f"{source}.bias"]
            else:
                source, before = layer, t
                u = t @ weight.T + bias
            at_h, at_t = self.pull(f(z), f(u))
            at_z, at_u = at_h * slope(z), at_t * slope(u)
            for name, error, entered in ((layer, at_z, h), (source, at_u, before)):
                found[f"{name}.weight"] = found.get(f"{name}.weight", 0) + error.T @ entered
                found[f"{name}.bias"] = found.get(f"{name}.bias", 0) + error.sum(0)
            h, t = f(z), f(u)
        weight, bias = self.state["stages.3.layer.weight"], self.state["stages.3.layer.bias"]
        error = (softmax(h @ weight.T + bias) - one_hot) / len(h)
        return found | {"stages.3.layer.weight": error.T @ h, "stages.3.layer.bias": error.sum(0)}


@pytest.mark.parametrize("scope", ["class", "sample"])
@pytest.mark.parametrize("rule", RULES)
def test_gradients_of_every_layer_are_the_references(rule, scope):
    generator = TargetOnly(CLASSES, Layout((WIDTHS[0],)), per_class=scope == "class")
    trained, x = learner(generator, RULES[rule]), inputs().double()
    labels = LABELS.numpy()
    same = (labels[:, None] == labels).astype(float)
    own = np.eye(CLASSES)[labels] if scope == "class" else same / same.sum(1, keepdims=True)
    state = {name: value.detach().numpy().copy() for name, value in trained.named_parameters()}
    expected = Reference(state, rule, own).gradients(x.numpy(), labels)
    found = gradients(trained, x)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        tolerance = 1e-7 if scope == "sample" else 1e-12  # shares of same-class targets are float32
        assert_allclose(found[name], gradient, atol=tolerance, err_msg=name)
        assert np.abs(gradient).max() > 1e-4 or (rule == "hebbian" and "generator" in name)


def test_an_update_is_adams():
    """Adam's first step is the rate times the sign of the gradient, up to epsilon."""
    slopes = gradients(learner(), inputs().double())
    trained = learner(rate=0.01)
    before = {name: value.detach().clone() for name, value in trained.named_parameters()}
    trained.step(inputs().double(), LABELS)
    for name, value in trained.named_parameters():
        expected = 0.01 * slopes[name] / (np.abs(slopes[name]) + 1e-8)
        assert_allclose((before[name] - value).detach(), expected, rtol=1e-6, atol=1e-10, err_msg=name)


def test_later_layers_change_nothing_in_earlier_ones():
    plain, scaled = learner(), learner()
    with torch.no_grad():
        for parameter in [*scaled.stages[1].parameters(), *scaled.stages[3].parameters()]:
            parameter.mul_(3)
    one, other = (gradients(each, inputs().double()) for each in (plain, scaled))
    for name, gradient in one.items():
        assert np.array_equal(gradient, other[name]) == name.startswith("stages.0"), name


def test_what_a_stage_hands_on_has_no_graph():
    trained, labels = learner(), LABELS
    signal = trained.begin(inputs().double().requires_grad_(), labels)
    for stage in trained.stages:
        signal, step = stage.step(signal, labels)
        handed = [signal.h, signal.t, step.loss, step.scores]
        assert not any(value.requires_grad for value in handed if value is not None)


def test_a_fixed_generator_stays_and_a_learned_one_moves():
    for fixed in (True, False):
        generator = TargetOnly(CLASSES, Layout((WIDTHS[0],))).requires_grad_(not fixed)
        before = generator.project.weight.detach().clone().double()
        learner(generator).step(inputs().double(), LABELS)
        assert torch.equal(generator.project.weight, before) == fixed


def test_every_layer_with_targets_a_class_is_an_exit():
    trained, x = learner().eval(), inputs().double()
    exits = trained.scores(x)
    assert list(exits) == ["layer 1", "layer 2", "layer 3", "output"]
    h = trained.stages[0].layer(x)
    t = trained.stages[0].generator(h, None, None)
    for number in (1, 2, 3):
        assert_allclose(exits[f"layer {number}"], (h @ t.T).detach(), atol=1e-12)
        if number < 3:
            h, t = (trained.stages[number].layer(value) for value in (h, t))


def test_without_an_output_layer_the_last_layers_targets_predict():
    assert list(learner(output=False).eval().scores(inputs().double())) == ["layer 1", "layer 2", "layer 3"]


def test_targets_a_sample_leave_the_output_layer_alone_to_predict():
    generator = TargetInput(CLASSES, Layout((WIDTHS[0],)))
    trained, x = learner(generator).eval(), inputs().double()
    expected = nn.Sequential(*(stage.layer for stage in trained.stages))(x).detach()
    assert_allclose(trained.scores(x)["output"], expected, atol=1e-12)
    assert len(trained.scores(x)) == 1


def test_the_loops_context_is_the_networks_own_prediction():
    generator = TargetLoop(CLASSES, Layout((WIDTHS[0],)))
    trained, x = learner(generator), inputs().double()
    assert_allclose(trained.begin(x, LABELS).context, trained.scores(x)["output"], atol=1e-12)
    assert trained.begin(x, LABELS).context.requires_grad is False
    assert all(module.training for module in trained.modules())


def normalised(generator: TargetGenerator, dropout: float = 0.0, statistics: Statistics = "inputs") -> SigpropLearner:
    """A user's own layers with batch normalisation."""
    torch.manual_seed(5)
    sizes = (FEATURES, 7, 7)
    layers = [
        nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.Tanh(), nn.Dropout(dropout))
        for before, after in pairwise(sizes)
    ]
    return SigpropLearner(layers, generator, CLASSES, output=nn.Linear(7, CLASSES), statistics=statistics)


@pytest.mark.parametrize("statistics", ["inputs", "targets"])
def test_running_statistics_are_of_the_inputs_alone_and_targets_know_no_dropout(statistics):
    trained, x = normalised(TargetOnly(CLASSES, Layout((7,))), dropout=0.5, statistics=statistics), inputs()
    signal = trained.stages[0].step(trained.begin(x, LABELS), LABELS)[0]
    linear, norm = trained.stages[1].layer[0], trained.stages[1].layer[1]
    z = linear(signal.h).detach()
    weight, bias = linear.weight.detach().clone(), linear.bias.detach().clone()
    targets = trained.stages[1].step(signal, LABELS)[0].t
    assert_allclose(norm.running_mean, 0.1 * z.mean(0), atol=1e-6)
    assert_allclose(norm.running_var, 0.9 + 0.1 * z.var(0), atol=1e-6)
    assert norm.num_batches_tracked == 1
    u = signal.t @ weight.T + bias
    of_targets = (u.mean(0), u.var(0, unbiased=False))
    mean, variance = of_targets if statistics == "targets" else (norm.running_mean, norm.running_var)
    assert_allclose(targets, torch.tanh((u - mean) / (variance + norm.eps).sqrt()).detach(), atol=1e-6)


def test_targets_made_of_the_inputs_count_in_the_statistics():
    trained, x = normalised(TargetInput(CLASSES, Layout((7,)))), inputs()
    signal = trained.stages[0].step(trained.begin(x, LABELS), LABELS)[0]
    linear, norm = trained.stages[1].layer[0], trained.stages[1].layer[1]
    z = linear(interleave(signal.h, signal.t)).detach()
    trained.stages[1].step(signal, LABELS)
    assert_allclose(norm.running_mean, 0.1 * z.mean(0), atol=1e-6)


@pytest.mark.parametrize("statistics", ["inputs", "targets"])
def test_after_targets_every_module_has_its_mode_back(statistics):
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2)).eval())
    modes = [(each.training, getattr(each, "track_running_stats", None)) for each in module.modules()]
    with pytest.raises(ZeroDivisionError), for_targets(module, statistics):
        in_training = {type(each) for each in module.modules() if each.training}
        assert in_training == ({nn.BatchNorm1d} if statistics == "targets" else set())
        raise ZeroDivisionError
    assert [(each.training, getattr(each, "track_running_stats", None)) for each in module.modules()] == modes


class Doubling(nn.Module):
    """A layer that passes targets in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.dropout = nn.Linear(3, 2), nn.Dropout(0.9)

    def targets(self, t: Tensor) -> Tensor:
        return self.dropout(2 * self.linear(t))


def test_a_layer_may_say_how_targets_pass():
    layer, t = Doubling(), torch.randn(4, 3)
    assert_allclose(pass_targets(layer, t, (3,)).detach(), 2 * layer.linear(t).detach())


def built(architecture: str, shape: tuple[int, ...], **target: object):
    return learner_for(
        DiscreteSettings(
            network=DiscreteNetworkSettings(architecture=architecture, hidden=(9, 7)),
            target=TargetSettings(**target),
            training=DiscreteTrainingSettings(seed=2),
        ),
        shape,
        CLASSES,
    )


@pytest.mark.parametrize(("density", "grids"), [("dense", (16, 8, 8, 4, 2, 1)), ("sparse", (3, 3, 3, 3, 3, 3))])
def test_targets_of_convolutions_keep_their_grid_to_the_fully_connected_layer(density, grids):
    trained = built("vgg8b", (3, 16, 16), density=density)
    signal = trained.begin(inputs(2, 3, 16, 16), LABELS[:2])
    for stage, grid in zip(trained.stages[:6], grids, strict=True):
        signal, step = stage.step(signal, LABELS[:2])
        assert signal.t.shape == (CLASSES, signal.h.shape[1], grid, grid)
        assert torch.isfinite(step.loss)
    signal, step = trained.stages[6].step(signal, LABELS[:2])
    assert signal.t.shape == (CLASSES, 1024)


@pytest.mark.parametrize("place", ["hidden", "input"])
@pytest.mark.parametrize("density", ["dense", "sparse"])
@pytest.mark.parametrize("generator", ["target-only", "target-input", "target-loop", "target-loop-error"])
def test_every_combination_trains_without_losing_its_footing(generator, density, place):
    target = {"generator": generator, "density": density, "place": place, "scope": "sample"}
    trained = built("fc", (4, 4), **target)
    for _ in range(3):
        steps = trained.step(inputs(6, 1, 4, 4), LABELS)
    assert all(torch.isfinite(step.loss) for step in steps)
    assert [step.scores is None for step in steps] == [True, True, False]


def test_users_layers_take_sparse_targets_from_images_to_units():
    """Targets of 3 x 3 pass the convolution's padding, and are zero-filled to the 4 x 4 that the linear layer reads."""
    layers = [
        nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(5, 5, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Flatten(), nn.Linear(5 * 4 * 4, 6), nn.ReLU()),
    ]
    generator = TargetOnly(CLASSES, Layout((5, 3, 3)))
    trained = SigpropLearner(layers, generator, CLASSES, output=nn.Linear(6, CLASSES))
    assert len(trained.step(inputs(6, 1, 4, 4), LABELS)) == 4
    assert list(trained.eval().scores(inputs(6, 1, 4, 4))) == ["layer 1", "layer 2", "layer 3", "output"]


def test_targets_of_another_shape_than_the_outputs_are_refused():
    trained = learner(TargetOnly(CLASSES, Layout((9,))))
    with pytest.raises(InputError, match=r"^layer 1: outputs of shape \(7,\), targets of shape \(9,\): .*$"):
        trained.step(inputs().double(), LABELS)


def test_a_layer_without_parameters_is_refused():
    generator = TargetOnly(CLASSES, Layout((7,)))
    with pytest.raises(InputError, match=r"^layer 2: has no parameters that learn: join it to the layer before it$"):
        SigpropLearner([nn.Linear(FEATURES, 7), nn.ReLU()], generator, CLASSES, output=nn.Linear(7, CLASSES))
    with pytest.raises(InputError, match=r"^layer 1: has no parameters that learn: .*$"):
        SigpropLearner([nn.Flatten()], generator, CLASSES, output=nn.Linear(7, CLASSES))


def test_a_readout_rate_is_the_output_layers():
    layers, generator = [nn.Linear(6, 5)], TargetOnly(3, Layout((5,)))
    still = SigpropLearner(layers, generator, 3, output=nn.Linear(5, 3), rate=1e-3, readout_rate=0.0)
    assert [stage.optimizer.param_groups[0]["lr"] for stage in still.stages] == [1e-3, 0.0]
    with pytest.raises(InputError, match=r"^readout_rate = 0.5: there is no output layer: .*$"):
        SigpropLearner(layers, generator, 3, readout_rate=0.5)


def test_no_layers_and_no_prediction_are_refused():
    with pytest.raises(InputError, match=r"^layers: there are none: .*$"):
        SigpropLearner([], TargetOnly(CLASSES, Layout((7,))), CLASSES)
    with pytest.raises(InputError, match=r"^output: there is none: .*$"):
        SigpropLearner([nn.Linear(4, 4)], SharedTarget(), 0)


@pytest.mark.parametrize("wrong", [-1, CLASSES])
def test_labels_out_of_range_are_refused_before_anything_is_learned(wrong):
    trained = learner()
    before = trained.arrays()
    with pytest.raises(InputError, match=rf"^labels: {wrong} is no class: must be from 0 to {CLASSES - 1}.*$"):
        trained.step(inputs().double(), torch.tensor([0, 1, wrong, 2, 1, 0]))
    assert all(np.array_equal(value, before[name]) for name, value in trained.arrays().items())


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS[:3], r"labels: there are 3 for 6 samples: give one for each"),
        (LABELS[:, None], r"labels: are of torch\.int64 and shape \(6, 1\): must be of torch\.int64 and shape \(6,\)"),
        (LABELS.int(), r"labels: are of torch\.int32 and shape \(6,\): must be of torch\.int64 "),
        (LABELS.double(), r"labels: are of torch\.float64 and shape \(6,\): must be of torch\.int64 "),
        (LABELS.bool(), r"labels: are of torch\.bool and shape \(6,\): must be of torch\.int64 "),
    ],
)
def test_labels_that_are_not_one_class_a_sample_are_refused(labels, words):
    with pytest.raises(InputError, match=f"^{words}"):
        learner().step(inputs().double(), labels)


def test_an_empty_batch_is_refused():
    with pytest.raises(InputError, match=r"^inputs: the batch has no samples: leave it out$"):
        learner().step(inputs().double()[:0], LABELS[:0])


def test_a_generator_for_other_classes_is_refused():
    for made in (TargetOnly, TargetInput, TargetLoop):
        with pytest.raises(InputError, match=rf"^generator: its targets are of 3 classes, the learner's of {CLASSES}"):
            learner(made(3, Layout((WIDTHS[0],))))


@pytest.mark.parametrize(("layout", "x"), [((6,), (6, FEATURES)), ((2, 4, 4), (6, 1, 4, 4))])
def test_targets_at_the_input_of_another_width_are_refused(layout, x):
    layer = nn.Conv2d(1, 2, 3) if len(layout) == 3 else nn.Linear(FEATURES, 7)
    generator = TargetOnly(CLASSES, Layout(layout), at_input=True)
    trained = SigpropLearner([layer], generator, CLASSES)
    with pytest.raises(InputError, match=r"^layer 1: inputs of shape \(.*\), targets of shape \(.*\): both must have"):
        trained.step(inputs(*x), LABELS)


def test_targets_at_the_input_may_be_flat_where_the_layer_flattens():
    layer = nn.Sequential(nn.Flatten(), nn.Linear(16, 7))
    trained = SigpropLearner([layer], TargetOnly(CLASSES, Layout((16,)), at_input=True), CLASSES)
    assert torch.isfinite(trained.step(inputs(6, 1, 4, 4), LABELS)[0].loss)


@pytest.mark.parametrize("kind", [torch.int64, torch.bool])
def test_a_learning_signal_that_layers_cannot_take_is_refused(kind):
    layer, output = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 1)
    trained = SigpropLearner([layer], SharedTarget(), 0, output=output, output_loss=nn.functional.mse_loss)
    images = inputs(6, 1, 8, 8)
    with pytest.raises(InputError, match=rf"^labels: are of {kind}: must be of floating point .*: convert .* float32$"):
        trained.step(images, (images > 0).to(kind))
    trained.step(images, (images > 0).float())


def test_a_first_layer_without_a_generator_is_refused():
    stage = learner().stages[1]
    with pytest.raises(InputError, match=r"^layer 2: no targets came with its inputs: .*$"):
        stage.step(Signal(inputs(6, 7).double()), LABELS)


@pytest.mark.parametrize("statistics", ["inputs", "targets"])
def test_activations_are_compared_before_dropout_and_pooling(statistics):
    """The second of two layers with pooling: Eq. 6 on its 6 x 6 activations, and 3 x 3 outputs handed on."""
    torch.manual_seed(1)
    conv, norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4, track_running_stats=True)
    layers = [
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU()),
        nn.Sequential(conv, norm, nn.ReLU(), nn.Dropout2d(0.5), nn.MaxPool2d(2)),
        nn.Sequential(nn.Flatten(), nn.Linear(4 * 9, CLASSES)),
    ]
    trained = SigProp(layers, (6, 6), statistics=statistics, compared="activations")
    stage = trained.stages[1]
    h, t = torch.rand(len(LABELS), 2, 6, 6), torch.rand(CLASSES, 2, 6, 6)
    own = conv(h)
    a = torch.relu((own - own.mean((0, 2, 3), True)) / (own.var((0, 2, 3), False, True) + 1e-5).sqrt()).detach()
    z = conv(t)
    if statistics == "targets":
        z = (z - z.mean((0, 2, 3), True)) / (z.var((0, 2, 3), False, True) + 1e-5).sqrt()
    else:
        mean, variance = 0.1 * own.mean((0, 2, 3), True), 0.9 + 0.1 * own.var((0, 2, 3), True, True)
        z = (z - mean) / (variance + 1e-5).sqrt()
    b = torch.relu(z).detach()
    scores = np.einsum("schw,tchw->st", a, b) / 36
    expected = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(LABELS)), LABELS]

    handed, step = stage.step(Signal(h, t), LABELS)
    assert_allclose(step.scores, scores, atol=1e-5)
    assert_allclose(step.loss, expected.mean(), atol=1e-5)
    assert_allclose(handed.t, nn.functional.max_pool2d(b, 2), atol=1e-5)
    kept = handed.h != 0
    assert_allclose(handed.h[kept], 2 * nn.functional.max_pool2d(a, 2)[kept], atol=1e-5)
    assert 0 < kept.float().mean() < 1

    trained.eval()
    signal = stage(Signal(h, t))
    assert stage.scores(signal).shape == (len(LABELS), CLASSES)
    assert signal.h.shape == (len(LABELS), 4, 3, 3)
    assert_allclose(trained.scores(torch.rand(3, 1, 6, 6))["layer 2"].shape, (3, CLASSES))


@pytest.mark.parametrize("architecture", ["fc", "conv"])
@pytest.mark.parametrize("density", ["dense", "sparse"])
def test_networks_of_settings_compare_activations(architecture, density):
    for similarity in ("dot", "cosine"):
        trained = built(architecture, (8, 8), density=density, similarity=similarity, compared="activations")
        steps = trained.step(inputs(len(LABELS), 1, 8, 8), LABELS)
        assert all(torch.isfinite(step.loss) for step in steps)
        exits = trained.eval().scores(inputs(3, 1, 8, 8))
        assert list(exits) == [stage.name for stage in trained.stages]
