"""Signal propagation through spiking layers: what a layer learns from is beside the spike (paper, Sec. VI-B).

Inputs and targets pass the same layers as spikes. Each layer compares the voltages of the two, before the spike takes
them away: as they are, or through the surrogate, which so never stands in a path between layers. No gradient crosses a
layer, passes a spike or a reset, or goes back in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ctsigprop.discrete.losses import PredictionLoss, dot
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.targets import TargetGenerator, TargetOnly
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.layered.output import OutputStage
from ctsigprop.layered.seeding import Use, generator
from ctsigprop.settings.discrete import Precision
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.network import KERNEL, SpikingBlock, SpikingNetwork
from ctsigprop.spiking.time_steps import mean_over_steps

SPREAD = 0.2
"""Standard deviation of the first layer's target currents before they learn."""

Read = Callable[[Tensor], Tensor]
"""What is learned from, of voltages."""

Reads = Literal["surrogate", "voltage"]
"""Whether that is the surrogate of the voltages, or the voltages as they are."""


@dataclass(frozen=True)
class State:
    """What the neurons of a layer keep between two steps: for inputs, and for targets."""

    h: Any
    t: Any


class HiddenStage(Stage):
    """A hidden layer that learns from the voltages of inputs and targets, and hands on the spikes of both.

    Attributes:
        block: the layer.
        read: what the loss sees of the voltages.
        loss: compares inputs with targets, both averaged over the steps of an update; one target a class.
        generator: makes the targets' currents: the first layer's.
        coding: of images: the first layer's.
    """

    def __init__(
        self,
        name: str,
        block: SpikingBlock,
        read: Read,
        loss: PredictionLoss,
        *,
        generator: TargetGenerator | None = None,
        coding: nn.Module | None = None,
    ) -> None:
        """A stage that has not begun to learn: call `learn_with`. Arguments are the attributes."""
        super().__init__(name)
        self.block, self.read, self.loss = block, read, loss
        self.generator = generator
        self.coding = coding or nn.Identity()

    def forward(self, signal: Signal) -> Signal:
        """Passes the inputs on; targets are for learning alone."""
        return Signal(self.block(self.coding(signal.h)))

    def scores(self, signal: Signal) -> None:
        """None: what leaves the layer are spikes, and its loss is not of those."""

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """All steps of time, then one update."""
        neurons = self.block.neurons
        h, t = self._currents(Signal(self.coding(signal.h), signal.t))
        return self._learned(neurons.voltages(h), neurons.voltages(t), labels, h.dtype)

    def step_in_time(self, signal: Signal, labels: Tensor, before: State | None) -> tuple[Signal, Step, State]:
        """One step of time, and an update.

        Args:
            signal: what enters at this step, shape (1, samples, ...), and the targets that do, after any coding.
            labels: classes, shape (samples,).
            before: what the step before left; None at the first.
        """
        h, t = self._currents(signal)
        before, neurons = before or State(None, None), self.block.neurons
        (of_h, after_h), (of_t, after_t) = neurons.in_time(h, before.h), neurons.in_time(t, before.t)
        return *self._learned(of_h, of_t, labels, h.dtype), State(after_h, after_t)

    def _currents(self, signal: Signal) -> tuple[Tensor, Tensor]:
        h = self.block.currents(signal.h.detach())
        if self.generator is not None:
            return h, self.generator(h, None, None)[None]
        assert signal.t is not None
        return h, self.block.target_currents(signal.t.detach())

    def _learned(self, h: Tensor, t: Tensor, labels: Tensor, dtype: torch.dtype) -> tuple[Signal, Step]:
        """An update by the voltages of inputs and targets, and the spikes of both, as they leave the layer.

        The largest voltage of a window reaches the threshold just where one of the window does: where pooling takes
        the largest, voltages are pooled, once for both; otherwise what is learned from, and the spikes. Sparse
        targets, and those that were just made, are not pooled.
        """
        pooled = partial(self._pooled, of_targets=t.shape[2:] == h.shape[2:])
        before, after = (pooled, _as_they_are) if self.block.pools_largest else (_as_they_are, pooled)
        h, t = before(h, t)
        read_h, read_t = after(self.read(h), self.read(t))
        loss, _ = self.loss(mean_over_steps(read_h), mean_over_steps(read_t), labels)
        self.update(loss)
        spikes = after(*(self.block.neurons.fired(v.detach()).to(dtype) for v in (h, t)))
        return Signal(*spikes), Step(loss.detach(), None)

    def _pooled(self, h: Tensor, t: Tensor, *, of_targets: bool) -> tuple[Tensor, Tensor]:
        return self.block.pooled(h), self.block.pooled(t) if of_targets else t


def _as_they_are(h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    return h, t


class StepwiseLearner(Learner):
    """Updates hidden layers at each step of time, and the classification layer after the last.

    Nothing of a step is kept for the next but voltages and the sum of the last layer's spikes, so that memory does not
    grow with the steps. Batch normalisation sees the samples of one step.
    """

    def __init__(
        self, hidden: Sequence[HiddenStage], output: OutputStage, classes: int, precision: Precision, steps: int
    ) -> None:
        """A learner of stages that learn.

        Args:
            hidden: stages of the hidden layers; the first has the coding.
            output: of the classification layer.
            classes: how many there are.
            precision: auto, float32 or bfloat16.
            steps: of time.
        """
        super().__init__([*hidden, output], classes, precision)
        self.hidden, self.steps = tuple(hidden), steps

    def step_from(self, signal: Signal, labels: Tensor) -> tuple[list[Step], Signal]:
        """Trains on the coded batch, step by step of time; losses are means over the steps."""
        entering = self.hidden[0].coding(signal.h)
        states: list[State | None] = [None] * len(self.hidden)
        losses = [labels.new_zeros((), dtype=torch.float32) for _ in self.hidden]
        spikes: Tensor | None = None
        for t in range(self.steps):
            signal = Signal(entering[t % len(entering)][None])
            for place, stage in enumerate(self.hidden):
                with self.autocast(labels.device):
                    signal, step, states[place] = stage.step_in_time(signal, labels, states[place])
                losses[place] += step.loss / self.steps
            spikes = signal.h.float() if spikes is None else spikes + signal.h
        assert spikes is not None
        with self.autocast(labels.device):
            signal, last = self.stages[-1].step(Signal(spikes / self.steps), labels)
        return [*(Step(loss, None) for loss in losses), last], signal


def stages_of(network: SpikingNetwork, reads: Reads, targets: TargetGenerator) -> tuple[list[HiddenStage], OutputStage]:
    """Stages of a network's hidden layers and of its classification layer (paper, Fig. 2b); none has begun to learn.

    Args:
        network: whose layers learn.
        reads: what a layer's loss sees: its voltages through the surrogate, or as they are.
        targets: makes those of the first layer.
    """
    hidden = []
    for number, block in enumerate(network.blocks, start=1):
        smooth: Read = partial(block.neurons.surrogate, threshold=block.neurons.threshold)
        read, scores = (smooth, surrogate_scores) if reads == "surrogate" else (as_it_is, voltage_scores)
        hidden.append(HiddenStage(f"layer {number}", block, read, PredictionLoss(scores)))
    hidden[0].generator, hidden[0].coding = targets, network.coding
    return hidden, OutputStage("output", network.readout)


def sigprop_learner(network: SpikingNetwork, settings: SpikingSettings) -> Learner:
    """Signal propagation of the surrogate or of the voltage, with a classification layer (paper, Fig. 2b).

    Args:
        network: freshly drawn.
        settings: model, targets and precision.
    """
    learning, target = settings.learning, settings.target
    made = targets_for(network, learned=target.weights == "learned", dense=target.density == "dense")
    hidden, output = stages_of(network, "surrogate" if learning.model == "sp-surrogate" else "voltage", made)
    for stage in hidden:
        stage.learn_with(learning.rate, learning.weight_decay)
    output.learn_with(learning.readout_rate, learning.weight_decay)
    precision = settings.training.precision
    if learning.update == "step":
        return StepwiseLearner(hidden, output, network.classes, precision, settings.network.steps)
    return Learner([*hidden, output], network.classes, precision)


def as_it_is(voltages: Tensor) -> Tensor:
    """The voltage itself, without a surrogate."""
    return voltages


def surrogate_scores(h: Tensor, t: Tensor) -> Tensor:
    """O_dot (paper, Eq. 6), summed over an image's positions, of how far surrogates are above 1/2.

    A neuron below its threshold so speaks against a target that is above it. Of targets nothing need be taken off: that
    adds the same to all scores of a sample.

    Args:
        h: surrogates of inputs, from 0 to 1, shape (samples, ...).
        t: of targets, shape (targets, ...).
    """
    return dot(h - 0.5, t) * prod(t.shape[2:])


def voltage_scores(h: Tensor, t: Tensor) -> Tensor:
    """O_dot (paper, Eq. 6) over the square root of the number of positions: voltages have no bounds.

    Args:
        h: voltages of inputs, shape (samples, ...).
        t: of targets, shape (targets, ...).
    """
    return dot(h, t) * prod(t.shape[2:]) ** 0.5


def targets_for(network: SpikingNetwork, *, learned: bool = True, dense: bool = True) -> TargetOnly:
    """What makes the first layer's targets: a current a neuron and class, the same at each step (S c + d of Eq. 1).

    Neurons like those of the layer make its spikes, so that f of Eq. 1 is what they do over the steps. Currents are
    drawn close about the threshold: half of the neurons spike at the first step, and little learning makes one spike
    or not. d stays: what it adds to the targets of all classes alike, a voltage's loss hardly sees.

    Args:
        network: whose seed draws them.
        learned: S learns.
        dense: targets are as large as the layer's outputs; otherwise as a kernel (paper, Sec. III-E).
    """
    first = network.blocks[0]
    layout = Layout(first.outputs if dense else (first.outputs[0], KERNEL, KERNEL))
    random = generator(network.seed, 1, Use.TARGETS)
    made = TargetOnly(network.classes, layout, activation=nn.Identity(), random=random)
    nn.init.normal_(made.project.weight, std=SPREAD, generator=random)
    nn.init.constant_(made.project.bias, first.neurons.threshold)
    made.project.weight.requires_grad_(learned)
    made.project.bias.requires_grad_(False)
    return made
