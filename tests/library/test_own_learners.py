"""Learners of one's own: what is refused, in one line, and what a run's folder says of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ctsigprop as ct

RNG = np.random.default_rng(0)
Y = RNG.integers(3, size=90)
X = RNG.normal(size=(90, 6)) + Y[:, None]
DATA = ct.Dataset.from_arrays(X, Y)
SMALL = {"epochs": 2, "batch_size": 32, "quiet": True, "threads": 1}
shared = nn.Linear(6, 6)
foreign = nn.Linear(2, 2)


def layers() -> list[nn.Module]:
    return [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)]


def learner(rate: float | None = None) -> nn.Module:
    return ct.discrete.SigProp(layers(), (6,), rate=rate)


REFUSED = {
    "layers: none has parameters that learn": lambda: ct.discrete.Backprop([nn.ReLU()], (6,)),
    "layers: are of type int: must be a list": lambda: ct.discrete.Backprop(5, (6,)),
    "layers: number 2 is of type int": lambda: ct.discrete.Backprop([nn.Linear(6, 3), 3], (6,)),
    "layers: there is one: signal propagation needs": lambda: ct.discrete.SigProp([nn.Linear(6, 3)], (6,)),
    "layers: there is one: direct": lambda: ct.discrete.DirectFeedbackAlignment([nn.Linear(6, 3)], (6,)),
    "layers: layer 2 shares parameters": lambda: ct.discrete.SigProp([shared, shared, nn.Linear(6, 3)], (6,)),
    r"layers: the last gives outputs of shape \(1,\)": lambda: ct.discrete.Backprop([nn.Linear(6, 1)], (6,)),
    r"layer 1: takes no samples of shape \(7,\)": lambda: ct.discrete.Backprop(layers(), (7,)),
    "layer 1: must give one tensor": lambda: ct.discrete.Backprop([nn.LSTM(6, 3)], (6,)),
    "layer 1: has weights of a Conv1d": lambda: ct.discrete.FeedbackAlignment(
        [nn.Unflatten(1, (6, 1)), nn.Conv1d(6, 3, 1), nn.Flatten()], (6,)
    ),
    r"layer 1: gives outputs of shape \(3, 4\): local": lambda: ct.discrete.LocalLoss(
        [nn.Linear(6, 12), nn.Unflatten(1, (3, 4)), nn.Sequential(nn.Flatten(), nn.Linear(12, 3))], (6,)
    ),
    "shape = 7: must be": lambda: ct.discrete.Backprop(layers(), 7),
    "seed = -1: must be": lambda: ct.discrete.SigProp(layers(), (6,), seed=-1),
    "rate = -1: must be": lambda: learner(rate=-1),
    "similarity_weight = 3: must be": lambda: ct.discrete.LocalLoss(layers(), (6,), similarity_weight=3),
    "statistics = 'x': must be": lambda: ct.discrete.SigProp(layers(), (6,), statistics="x"),
    "optimizer: is of type SGD: must be a function": lambda: ct.discrete.Backprop(
        layers(), (6,), optimizer=torch.optim.SGD(foreign.parameters(), lr=1)
    ),
    "optimizer: gives an object of type int": lambda: ct.discrete.Backprop(layers(), (6,), optimizer=lambda p: 3),
    "optimizer: holds other parameters": lambda: ct.discrete.Backprop(
        layers(), (6,), optimizer=lambda p: torch.optim.SGD(foreign.parameters(), lr=1)
    ),
    "rate = 1: is of Adam": lambda: ct.discrete.Backprop(layers(), (6,), rate=1, optimizer=torch.optim.SGD),
    "network: is of type Linear: must be": lambda: ct.fit(foreign, DATA),
    "network: is for 3 classes: must be for 10": lambda: ct.fit(learner(), ct.load_dataset("digits")),
    r"network: takes no samples of shape \(1, 8, 8\)": lambda: ct.fit(
        ct.discrete.Backprop([nn.Linear(6, 10)], (6,)), ct.load_dataset("digits")
    ),
    "data: the targets of arrays are floats": lambda: ct.fit(learner(), ct.Dataset.from_arrays(X, X)),
    "beta: is no option of this family's fit": lambda: ct.fit(learner(), DATA, beta=1),
    "epoch: is no option of this family's fit: did you mean epochs": lambda: ct.fit(learner(), DATA, epoch=1),
    "callbacks: Angles measures networks of the continuous family alone": lambda: ct.fit(
        learner(), DATA, callbacks=[ct.Angles()]
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_line(words: str) -> None:
    with pytest.raises(ct.InputError, match=f"^{words}") as refusal:
        REFUSED[words]()
    assert "\n" not in str(refusal.value)


def test_a_refused_run_leaves_no_folder(tmp_path: Path) -> None:
    class Lost(ct.Callback):
        def before_batch(self, moment: ct.Moment) -> None:
            raise ct.InputError("lost")

    with pytest.raises(ct.InputError, match="lost"):
        ct.fit(learner(), DATA, run_dir=tmp_path / "run", callbacks=[Lost()], **SMALL)
    assert not (tmp_path / "run").exists()


def test_the_folder_says_what_ran(tmp_path: Path) -> None:
    run = ct.fit(learner(rate=0.25), DATA, run_dir=tmp_path / "run", decay=0.5, **SMALL)
    again = ct.load_run(tmp_path / "run", learner=learner())
    assert again.settings == run.settings
    assert run.settings.learning.rule == "SigProp"
    assert run.settings.learning.optimizers[0].startswith("layer 1: AdamW(lr=0.25, ")
    assert "Linear(in_features=6, out_features=8, bias=True)" in run.settings.network.layers[0]
    assert [row["rate"] for row in run.metrics] == [0.25, 0.125]
    assert repr(run).startswith("Run(arrays-own-SigProp, 2 epochs, test error ")


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ("learning.optimizers = .*: make the learner", lambda path: {"network": learner(rate=0.1)}),
        ("network.layers = .*: make the learner", lambda path: {"network": ct.discrete.Backprop(layers(), (6,))}),
        ("training.seed = 5: ", lambda path: {"seed": 5}),
        ("network.architecture = 'sigprop_loop': ", lambda path: {"network": ct.Network.sigprop_loop([6, 8, 3])}),
    ],
)
def test_another_learner_does_not_go_on(words: str, again: Callable[[Path], dict[str, object]], tmp_path: Path) -> None:
    ct.fit(learner(), DATA, run_dir=tmp_path / "run", **SMALL)
    options = {"network": learner(), "run_dir": tmp_path / "run"} | SMALL | again(tmp_path)
    with pytest.raises(ct.InputError, match=f"^{words}"):
        ct.fit(data=DATA, resume=True, **options)


def test_a_run_needs_the_learner_that_it_was_made_with(tmp_path: Path) -> None:
    ct.fit(learner(), DATA, run_dir=tmp_path / "run", **SMALL)
    with pytest.raises(ct.InputError, match=r"its network was made in Python \(SigProp\): make it anew"):
        ct.load_run(tmp_path / "run")
    with pytest.raises(ct.InputError, match=r"^learner: stages.0.layer.* is of shape .*: make it as for the run$"):
        ct.load_run(tmp_path / "run", learner=ct.discrete.Backprop(layers(), (6,)))


@pytest.mark.parametrize(("stride", "padding", "groups"), [(2, 1, 1), (1, "same", 2), (1, "valid", 1)])
def test_feedback_alignment_with_the_weights_themselves_is_backpropagation(
    stride: int, padding: int | str, groups: int
) -> None:
    torch.manual_seed(0)
    net = [nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 4, 3, stride, padding, groups=groups), nn.Flatten()]
    net = [*net, nn.LazyLinear(3)]
    bp = ct.discrete.Backprop(net, (2, 6, 6), optimizer=lambda p: torch.optim.SGD(p, lr=0.0))
    fa = ct.discrete.FeedbackAlignment(net, (2, 6, 6), optimizer=lambda p: torch.optim.SGD(p, lr=0.0))
    for module in fa.modules():
        if hasattr(module, "feedback"):
            module.feedback.copy_(module.weight.detach())
    x, y = torch.randn(5, 2, 6, 6), torch.tensor([0, 1, 2, 0, 1])
    gradients = []
    for one in (bp, fa):
        nn.functional.cross_entropy(one.stages[0].layer(x), y).backward()
        gradients.append([parameter.grad.clone() for parameter in net[0].parameters()])
        one.zero_grad()
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected)
