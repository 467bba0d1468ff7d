"""What every learning rule of this family is: stages that a batch passes in order, each updated on its own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.layered.optimizers import RATE, MakeOptimizer, adam, arrays_of, as_array, decay, made, state_from
from ctsigprop.layered.precision import in_bfloat16
from ctsigprop.layered.prediction import Inference, inference, inputs_of
from ctsigprop.layered.refusals import (
    LostLoss,
    in_words,
    require_classes,
    require_finite,
    require_finite_loss,
    require_samples,
    uncounted_if_lost,
)
from ctsigprop.settings.discrete import Precision


@dataclass(frozen=True)
class Signal:
    """What one stage hands to the next; no graph hangs on it.

    Attributes:
        h: activations, shape (samples, ...).
        t: targets, shape (targets, ...), where the learning rule sends any.
        context: what a target generator with feedback is given: shape (samples, classes).
        exit: the stage's own prediction, shape (samples, classes), where it is read from more than is handed on.
    """

    h: Tensor
    t: Tensor | None = None
    context: Tensor | None = None
    exit: Tensor | None = None


@dataclass(frozen=True)
class Step:
    """What training on one batch left behind at one stage.

    Attributes:
        loss: of this stage, before its update; a scalar.
        scores: its prediction, shape (samples, classes), the larger the likelier; None where it makes none.
    """

    loss: Tensor
    scores: Tensor | None


class Stage(nn.Module):
    """A part of a network with an optimizer of its own: one layer, or all of them where the rule locks them.

    `forward` passes a signal on without learning.
    """

    def __init__(self, name: str) -> None:
        """A stage without parameters: the rules add theirs, then call `learn_with`."""
        super().__init__()
        self.name = name
        self.optimizer: torch.optim.Optimizer

    def learn_with(self, rate: float = RATE, weight_decay: float = 0.0, optimizer: MakeOptimizer | None = None) -> None:
        """Gives all parameters of the stage that learn to an optimizer of its own.

        Args:
            rate: of Adam, as is the next.
            weight_decay: fraction of a weight that an update at rate 1 takes off.
            optimizer: makes another in place of Adam.

        Raises:
            InputError: there is none that learns, or no optimizer is made.
        """
        parameters = [one for one in self.parameters() if one.requires_grad]
        if not parameters:
            raise InputError(f"{self.name}: has no parameters that learn: join it to the layer before it")
        self.optimizer = made(optimizer or adam(rate, weight_decay), parameters)

    def update(self, loss: Tensor, outputs: Sequence[Tensor] = (), errors: Sequence[Tensor] = ()) -> None:
        """One step down the gradient of the loss, after which the gradient is freed: no other stage needs it.

        Args:
            loss: a scalar.
            outputs: that get their gradient from elsewhere.
            errors: those gradients.

        Raises:
            LostLoss: the loss is not finite, on a CPU; nothing is learned from it.
        """
        try:
            require_finite_loss(self.name, loss)
        except LostLoss:
            self.optimizer.zero_grad(set_to_none=True)
            raise
        torch.autograd.backward([loss, *outputs], [None, *errors])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """Passes a batch on and learns from it.

        Args:
            signal: from the stage before.
            labels: classes, shape (samples,).

        Returns:
            The signal for the next stage, and what was learned from.
        """
        raise NotImplementedError

    def scores(self, signal: Signal) -> Tensor | None:
        """The prediction that can be read from what `forward` gave, shape (samples, classes); None where none can."""
        raise NotImplementedError


class Learner(nn.Module):
    """A network and the rule that trains it.

    Attributes:
        stages: in the order that a batch passes them; the last one makes the network's prediction.
        classes: how many there are.
        precision: float32, bfloat16 for automatic mixed precision, or auto for the faster on the device at hand.
        options: what the rule was told, by name, as a run's config.yaml has it.
        family: of the rule, as settings name it.
        takes: what inputs it is trained on: each channel standardised, or values from 0 to 1 as they are.
        inference: how inputs, as the user has them, become those of the network; None before training.
    """

    family: Literal["discrete", "spiking"] = "discrete"
    takes: Literal["standardised", "intensities"] = "standardised"

    def __init__(self, stages: Iterable[Stage], classes: int, precision: Precision = "float32") -> None:
        """A learner whose signal begins with the inputs alone.

        Raises:
            InputError: another precision.
        """
        super().__init__()
        if precision not in get_args(Precision):
            raise InputError(f"precision = {precision!r}: must be one of {', '.join(get_args(Precision))}")
        self.stages: Sequence[Stage] = nn.ModuleList(stages)  # type: ignore[assignment]
        self.classes = classes
        self.precision = precision
        self.options: dict[str, str | float | None] = {}
        self.inference: Inference | None = None

    def begin(self, inputs: Tensor, labels: Tensor) -> Signal:
        """The signal for the first stage."""
        return Signal(inputs)

    def step(self, inputs: Tensor, labels: Tensor) -> list[Step]:
        """Trains on one batch, stage by stage; what a stage no longer needs is freed before the next begins.

        Args:
            inputs: shape (samples, ...).
            labels: classes, int64 of shape (samples,), or a learning signal, floating point of shape (samples, ...).

        Raises:
            InputError: the learner is in evaluation mode; no samples, or not as many labels as samples; labels that
                are no classes, or inputs that are not finite, which is looked at on a CPU, because a GPU would have to
                be waited for; inputs of a type that the layers do not take; one sample where statistics need two.
            LostLoss: a stage's loss is not finite, which is looked at on a CPU; it learns nothing from the batch.
        """
        if not self.training:
            raise InputError("step: the learner is in evaluation mode: call train() before it learns")
        require_samples(inputs, labels)
        require_finite("inputs", inputs)
        if self.classes > 0 and not (labels.is_floating_point() and labels.ndim > 1):
            require_classes(labels, self.classes)
        else:
            require_finite("labels", labels)
        with in_words(self, inputs):
            with self.autocast(inputs.device):
                signal = self.begin(inputs, labels)
            return self.step_from(signal, labels)[0]

    def step_from(self, signal: Signal, labels: Tensor) -> tuple[list[Step], Signal]:
        """Trains the stages on the signal of a batch; also returns what leaves the last of them."""
        steps = []
        for stage in self.stages:
            # Autocast for each stage anew: the end of the block frees the weights it cast.
            with uncounted_if_lost(stage, labels.device), self.autocast(labels.device):
                signal, step = stage.step(signal, labels)
            steps.append(step)
        return steps, signal

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """The prediction's scores, shape (samples, classes), as in evaluation mode: nothing is learned or counted.

        Args:
            inputs: of the network, shape (samples, ...).

        Raises:
            InputError: inputs of a type or shape that the layers do not take, or a learner that predicts nothing.
        """
        with inference(self), in_words(self, inputs), self.autocast(inputs.device):
            for signal in self.signals(inputs):
                last = signal
            scores = self.stages[-1].scores(last)
        if scores is None:
            raise InputError(f"{self.stages[-1].name}: predicts nothing: give the learner an output layer")
        return scores

    def signals(self, inputs: Tensor) -> Iterator[Signal]:
        """What each stage makes of inputs, in order; nothing is learned."""
        signal = Signal(inputs)
        for stage in self.stages:
            signal = stage(signal)
            yield signal

    def outputs(self, x: ArrayLike) -> NDArray[np.float32]:
        """The prediction's scores of new inputs, shape (samples, classes).

        Args:
            x: inputs as the user has them, (samples, ...), brought into the form of those that it was trained on; as
                they are where it was not trained by `fit`.

        Raises:
            InputError: inputs of another shape, or that are no finite numbers.
        """
        device = next(self.parameters()).device
        return np.concatenate([self(batch.to(device)).float().cpu().numpy() for batch in inputs_of(self.inference, x)])

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Classes of new inputs, int64 (samples,); the outputs where there are no classes. See `outputs`."""
        scores = self.outputs(x)
        return scores.argmax(axis=1) if self.classes else scores

    def get_extra_state(self) -> dict[str, Any]:
        """State of the optimizers by stage: with it a `state_dict` is all that training needs."""
        return {stage.name: stage.optimizer.state_dict() for stage in self.stages}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take over what `get_extra_state` gave."""
        for stage in self.stages:
            stage.optimizer.load_state_dict(deepcopy(state[stage.name]))

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> dict[str, Tensor]:
        """Predictions of all stages that make one, by the stage's name; the network's own is the last.

        Call `eval()` first: batch normalisation and dropout are as the mode says.
        """
        exits = {}
        with in_words(self, inputs), self.autocast(inputs.device):
            for stage, signal in zip(self.stages, self.signals(inputs), strict=True):
                scores = stage.scores(signal)
                if scores is not None:
                    exits[stage.name] = scores
        return exits

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """The block's products are taken in the learner's precision."""
        return torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(self.precision, device))

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimizer of every stage by the stage's name, for a schedule of PyTorch or one's own."""
        return {stage.name: stage.optimizer for stage in self.stages}

    def decay_rates(self, factor: float) -> None:
        """Every stage's learning rate from now on: the one its optimizer began with times a factor."""
        for stage in self.stages:
            decay(stage.optimizer, factor)

    def parameter_arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and statistics as arrays, by name: what prediction needs."""
        return {name: as_array(value) for name, value in self.state_dict().items() if isinstance(value, Tensor)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All state as arrays, by name: parameters, statistics and the optimizers' state."""
        arrays = self.parameter_arrays()
        for stage in self.stages:
            arrays |= arrays_of(stage.name, stage.optimizer)
        return arrays

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Goes on from what `arrays`, or `parameter_arrays`, gave.

        Raises:
            InputError: state of an optimizer that it does not have, or of another shape; nothing is loaded then.
        """
        states = [state_from(stage.name, stage.optimizer, arrays) for stage in self.stages]
        values = {name: torch.from_numpy(arrays[name].copy()) for name in self.parameter_arrays()}
        self.load_state_dict(values, strict=False)
        for stage, state in zip(self.stages, states, strict=True):
            stage.optimizer.load_state_dict({**stage.optimizer.state_dict(), "state": state})
