"""What every learning rule of this family is: stages that a batch passes in order, each updated on its own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.layered.precision import in_bfloat16
from ctsigprop.settings.discrete import Precision

AGAIN = "restore the checkpoint from a copy, or train anew"
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps of each parameter that has had a gradient."""


@dataclass(frozen=True)
class Signal:
    """What one stage hands to the next; no graph hangs on it.

    Attributes:
        h: activations, shape (samples, ...).
        t: targets, shape (targets, ...), where the learning rule sends any.
        context: what a target generator with feedback is given: shape (samples, classes).
    """

    h: Tensor
    t: Tensor | None = None
    context: Tensor | None = None


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

    def learn_with(self, rate: float, weight_decay: float = 0.0) -> None:
        """Gives all parameters of the stage that learn to an Adam optimizer of its own.

        Raises:
            InputError: there is none that learns.
        """
        parameters = [one for one in self.parameters() if one.requires_grad]
        if not parameters:
            raise InputError(f"{self.name}: has no parameters that learn: join it to the layer before it")
        self.optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=weight_decay, fused=True)

    def update(self, loss: Tensor, outputs: Sequence[Tensor] = (), errors: Sequence[Tensor] = ()) -> None:
        """One step down the gradient of the loss, after which the gradient is freed: no other stage needs it.

        Args:
            loss: a scalar.
            outputs: that get their gradient from elsewhere.
            errors: those gradients.
        """
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
    """

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

    def begin(self, inputs: Tensor, labels: Tensor) -> Signal:
        """The signal for the first stage."""
        return Signal(inputs)

    def step(self, inputs: Tensor, labels: Tensor) -> list[Step]:
        """Trains on one batch, stage by stage; what a stage no longer needs is freed before the next begins.

        Args:
            inputs: shape (samples, ...).
            labels: classes, int64 of shape (samples,), or a learning signal, floating point of shape (samples, ...).

        Raises:
            InputError: no samples, or not as many labels as samples; labels that are no classes, or inputs that are not
                finite, which is looked at on a CPU, because a GPU would have to be waited for; inputs of a type that
                the layers do not take; one sample where a layer's statistics need two.
        """
        _require_samples(inputs, labels)
        _require_finite("inputs", inputs)
        if self.classes > 0 and not (labels.is_floating_point() and labels.ndim > 1):
            _require_classes(labels, self.classes)
        else:
            _require_finite("labels", labels)
        with self._in_words(inputs):
            with self.autocast(inputs.device):
                signal = self.begin(inputs, labels)
            return self.step_from(signal, labels)[0]

    def step_from(self, signal: Signal, labels: Tensor) -> tuple[list[Step], Signal]:
        """Trains the stages on the signal of a batch; also returns what leaves the last of them."""
        steps = []
        for stage in self.stages:
            with self.autocast(labels.device):  # for each stage anew: the end of the block frees the weights it cast
                signal, step = stage.step(signal, labels)
            steps.append(step)
        return steps, signal

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> dict[str, Tensor]:
        """Predictions of all stages that make one, by the stage's name; the network's own is the last.

        Call `eval()` first: batch normalisation and dropout are as the mode says.
        """
        exits = {}
        with self._in_words(inputs), self.autocast(inputs.device):
            signal = Signal(inputs)
            for stage in self.stages:
                signal = stage(signal)
                scores = stage.scores(signal)
                if scores is not None:
                    exits[stage.name] = scores
        return exits

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """The block's products are taken in the learner's precision."""
        return torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(self.precision, device))

    @contextmanager
    def _in_words(self, inputs: Tensor) -> Iterator[None]:
        """Says of PyTorch's refusals in the block what a batch has to do with them.

        Raises:
            InputError: inputs of a type that the layers do not take; one sample where a layer's statistics need two.
        """
        try:
            yield
        except (RuntimeError, ValueError) as error:
            needed = next((one.dtype for one in self.parameters()), inputs.dtype)
            if isinstance(error, RuntimeError) and "ype" in str(error) and inputs.dtype != needed:
                raise InputError(f"inputs: are of {inputs.dtype}: must be of {needed}: convert them") from error
            if "more than 1 value per channel" in str(error):
                found = f"a batch of {len(inputs)}, and batch normalisation in training needs two samples"
                raise InputError(f"inputs: {found}: leave the batch out, as DataLoader(drop_last=True) does") from error
            raise

    def decay_rates(self, factor: float) -> None:
        """Every stage's learning rate from now on: the one its optimizer began with times a factor."""
        for stage in self.stages:
            for group in stage.optimizer.param_groups:
                group["lr"] = stage.optimizer.defaults["lr"] * factor

    def parameter_arrays(self) -> dict[str, NDArray[Any]]:
        """Parameters and statistics as arrays, by name: what prediction needs."""
        return {name: _array(value) for name, value in self.state_dict().items()}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All state as arrays, by name: parameters, statistics and the optimizers' moments."""
        arrays = self.parameter_arrays()
        for stage in self.stages:
            for place, entry in stage.optimizer.state_dict()["state"].items():
                arrays |= {f"{stage.name}.adam.{place}.{name}": _array(value) for name, value in entry.items()}
        return arrays

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Goes on from what `arrays`, or `parameter_arrays`, gave.

        Raises:
            InputError: moments of an optimizer that it does not have, or of another shape; nothing is loaded then.
        """
        moments = [_moments_of(stage, arrays) for stage in self.stages]
        self.load_state_dict({name: torch.from_numpy(arrays[name].copy()) for name in self.state_dict()})
        for stage, state in zip(self.stages, moments, strict=True):
            stage.optimizer.load_state_dict({**stage.optimizer.state_dict(), "state": state})


def _moments_of(stage: Stage, arrays: Mapping[str, NDArray[Any]]) -> dict[int, dict[str, Tensor]]:
    """An optimizer's moments by the place of their parameter: all of them, or none before its first gradient.

    Raises:
        InputError: a moment is missing, not finite, or of another shape than its parameter.
    """
    prefix = f"{stage.name}.adam."
    parameters = [one for group in stage.optimizer.param_groups for one in group["params"]]
    found = {name.removeprefix(prefix) for name in arrays if name.startswith(prefix)}
    moments = {}
    for place, parameter in enumerate(parameters):
        names = {f"{place}.{moment}": moment for moment in MOMENTS}
        if found.isdisjoint(names):
            continue
        for name, moment in names.items():
            value, shape = arrays.get(prefix + name), () if moment == "step" else tuple(parameter.shape)
            if value is None or value.dtype.kind != "f" or value.shape != shape or not np.isfinite(value).all():
                raise InputError(f"{prefix}{name}: must be finite numbers of shape {shape}: {AGAIN}")
        found -= names.keys()
        moments[place] = {moment: _laid_out(arrays[prefix + name], parameter) for name, moment in names.items()}
    if found:
        raise InputError(f"{prefix}{min(found)}: is of no parameter of the network: {AGAIN}")
    return moments


def _require_samples(inputs: Tensor, labels: Tensor) -> None:
    if len(inputs) != len(labels):
        raise InputError(f"labels: there are {len(labels)} for {len(inputs)} samples: give one for each")
    if len(inputs) == 0:
        raise InputError("inputs: the batch has no samples: leave it out")


def _require_finite(name: str, values: Tensor) -> None:
    if values.device.type != "cpu" or not values.is_floating_point() or not values.numel():
        return
    if not all(end.isfinite() for end in values.aminmax()):  # one pass, which a NaN goes through
        raise InputError(f"{name}: hold NaN or infinity: mend them, or leave the batch out")


def _require_classes(labels: Tensor, classes: int) -> None:
    if labels.dtype != torch.int64 or labels.ndim != 1:
        found = f"of {labels.dtype} and shape {tuple(labels.shape)}"
        raise InputError(f"labels: are {found}: must be of torch.int64 and shape ({len(labels)},), a class a sample")
    if labels.device.type != "cpu":
        return
    lowest, highest = (int(end) for end in labels.aminmax())
    if lowest < 0 or highest >= classes:
        wrong = lowest if lowest < 0 else highest
        raise InputError(f"labels: {wrong} is no class: must be from 0 to {classes - 1}: mend them, or add classes")


def _laid_out(moment: NDArray[Any], parameter: Tensor) -> Tensor:
    """A moment in the memory format of its parameter: a fused update goes through both in the order of memory."""
    value = torch.from_numpy(moment.copy())
    return torch.empty_like(parameter).copy_(value) if value.dim() else value


def _array(value: Tensor) -> NDArray[Any]:
    return np.array(value.detach().cpu().numpy())
