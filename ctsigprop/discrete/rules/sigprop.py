"""Signal propagation: inputs and targets pass the same layers, and each layer learns as they pass (paper, Sec. III)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.discrete.centred import Centred
from ctsigprop.discrete.losses import (
    COMPARISONS,
    HebbianLoss,
    LayerLoss,
    PredictionLoss,
    interleave,
    on_one_grid,
    reconstructed,
    separate,
)
from ctsigprop.discrete.network import Network
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.target_forward import pass_both
from ctsigprop.discrete.targets import TargetGenerator, generator_for, layout_for
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.layered.output import OutputLoss, OutputStage
from ctsigprop.layered.prediction import inference
from ctsigprop.settings.discrete import DiscreteSettings, Precision, Statistics


class LayerStage(Stage):
    """A hidden layer that learns from what passes it: [h, t] in, [h, t] out, and no graph between layers.

    Attributes:
        layer: any module that takes a batch.
        loss: compares its outputs with its targets.
        seen: what the loss sees of the outputs, once they are on the grid of their targets.
        per_class: the targets are one a class; otherwise one a sample.
        together: h and t pass as one interleaved batch, so that batch normalisation counts both.
        generator: makes the targets: the first layer's.
        statistics: by which targets are normalised that pass by themselves.
    """

    def __init__(
        self,
        name: str,
        layer: nn.Module,
        loss: LayerLoss,
        *,
        per_class: bool,
        together: bool = False,
        generator: TargetGenerator | None = None,
        seen: nn.Module | None = None,
        statistics: Statistics = "inputs",
    ) -> None:
        """A stage that has not begun to learn: call `learn_with`. Arguments are the attributes.

        Raises:
            InputError: the layer has no parameters that learn.
        """
        super().__init__(name)
        if not any(parameter.requires_grad for parameter in layer.parameters()):
            raise InputError(f"{name}: has no parameters that learn: join it to the layer before it")
        self.layer = layer
        self.loss = loss
        self.per_class = per_class
        self.together = together
        self.generator = generator
        self.seen = nn.Identity() if seen is None else seen
        self.statistics: Statistics = statistics

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """Passes [h, t], updates the layer by the loss between them, and hands them on.

        Raises:
            InputError: inputs or outputs and their targets are not of one shape.
        """
        h, t = self._pass(signal, labels)
        self._check(h, t)
        loss, scores = self.loss(*self._seen(h, t), labels if self.per_class else reconstructed(labels))
        self.update(loss)
        return Signal(h.detach(), t.detach()), Step(loss.detach(), scores.detach() if self.per_class else None)

    def forward(self, signal: Signal) -> Signal:
        """Passes h, and t where it is one a class and so needs no labels."""
        if self.per_class:
            return Signal(*self._pass(signal, None))
        return Signal(self.layer(signal.h))

    def scores(self, signal: Signal) -> Tensor | None:
        """O(h, t) of this layer, an early exit (paper, Eq. 8); None where targets are one a sample."""
        return None if signal.t is None else self.loss.scores(*self._seen(signal.h, signal.t))

    def _seen(self, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        h, t = on_one_grid(h, t)
        return self.seen(h), t

    def _pass(self, signal: Signal, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        h, t = signal.h.detach(), signal.t
        if self.generator is not None and not self.generator.at_input:
            h = self.layer(h)
            return h, self.generator(h, labels, signal.context)
        if self.generator is not None:
            t = self.generator(h, labels, signal.context)
            if h.ndim == t.ndim and h.ndim in (2, 4) and h.shape[1] != t.shape[1]:
                raise self._unlike("inputs", h, t)
        if t is None:
            raise InputError(f"{self.name}: no targets came with its inputs: the first layer needs a target generator")
        if self.together and h.shape == t.shape:
            return separate(self.layer(interleave(h, t)))
        return pass_both(self.layer, h, t, self.statistics)

    def _check(self, h: Tensor, t: Tensor) -> None:
        alike = h.shape[1:2] == t.shape[1:2] if h.ndim == t.ndim == 4 else h.shape[1:] == t.shape[1:]
        if not alike:
            raise self._unlike("outputs", h, t)

    def _unlike(self, of: str, h: Tensor, t: Tensor) -> InputError:
        shapes = f"{of} of shape {tuple(h.shape[1:])}, targets of shape {tuple(t.shape[1:])}"
        return InputError(f"{self.name}: {shapes}: both must have the same shape, images the same channels")


class SigpropLearner(Learner):
    """Signal propagation through any list of modules.

    Stages are called "layer 1", "layer 2", ... and, where there is an output layer, "output".
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        generator: TargetGenerator,
        classes: int,
        *,
        output: nn.Module | None = None,
        loss: LayerLoss | None = None,
        seen: Sequence[nn.Module] | None = None,
        statistics: Statistics = "inputs",
        output_loss: OutputLoss = F.cross_entropy,
        rate: float = 5e-4,
        readout_rate: float | None = None,
        weight_decay: float = 0.0,
        precision: Precision = "float32",
    ) -> None:
        """Cuts the network into stages, each with an optimizer of its own.

        Args:
            layers: hidden layers, from the input side, each with parameters that learn.
            generator: makes the first layer's targets; it learns with the first layer.
            classes: how many there are; 0 where the learning signal is no class.
            output: classification layer, or outputs of a regression; without it the last layer's scores predict.
            loss: of every hidden layer; the prediction loss with the dot product unless given.
            seen: what the loss sees of each layer's outputs, on the grid of their targets; all of them unless given.
            statistics: by which targets are normalised; see `ctsigprop.discrete.target_forward.for_targets`.
            output_loss: of the output layer.
            rate: of every stage's Adam.
            readout_rate: of the output layer's; `rate` unless given.
            weight_decay: fraction of a weight that an update at rate 1 takes off.
            precision: auto, float32 or bfloat16.

        Raises:
            InputError: a layer without parameters, no layers, a generator for other classes, or nothing that predicts.
        """
        if not layers:
            raise InputError("layers: there are none: signal propagation needs at least one hidden layer")
        if generator.classes not in (0, classes):
            numbers = f"its targets are of {generator.classes} classes, the learner's of {classes}"
            raise InputError(f"generator: {numbers}: give both the same number")
        if output is None and not generator.per_class:
            raise InputError("output: there is none: targets of one a sample predict nothing; give an output layer")
        if output is None and readout_rate is not None:
            raise InputError(f"readout_rate = {readout_rate:g}: there is no output layer: leave it out, or give one")
        stages: list[Stage] = [
            LayerStage(
                f"layer {number}",
                layer,
                loss or PredictionLoss(),
                per_class=generator.per_class,
                together=generator.matches_inputs,
                generator=generator if number == 1 else None,
                seen=None if seen is None else seen[number - 1],
                statistics=statistics,
            )
            for number, layer in enumerate(layers, start=1)
        ]
        for stage in stages:
            stage.learn_with(rate, weight_decay)
        if output is not None:
            stages.append(OutputStage("output", output, output_loss))
            stages[-1].learn_with(rate if readout_rate is None else readout_rate, weight_decay)
        super().__init__(stages, classes, precision)
        self.uses_scores = generator.uses_scores

    def begin(self, inputs: Tensor, labels: Tensor) -> Signal:
        """The inputs, and the network's own scores where the generator uses them.

        Raises:
            InputError: a learning signal that is no class, and not of floating point.
        """
        if self.classes == 0 and not labels.is_floating_point():
            needed = "must be of floating point where there are no classes: convert them to float32"
            raise InputError(f"labels: are of {labels.dtype}: {needed}")
        return Signal(inputs, context=self._predicted(inputs) if self.uses_scores else None)

    @torch.no_grad()
    def _predicted(self, inputs: Tensor) -> Tensor:
        """The network's scores, as inference gives them."""
        signal = Signal(inputs)
        with inference(self):
            for stage in self.stages:
                signal = stage(signal)
        return signal.h


def sigprop_learner(network: Network, settings: DiscreteSettings) -> SigpropLearner:
    """Signal propagation as the settings say: generator, place, density, loss and prediction.

    Args:
        network: freshly drawn; with prediction by output target its classification layer stays out.
        settings: learning, target and training.

    Raises:
        InputError: sparse targets larger than dense ones.
    """
    target, learning = settings.target, settings.learning
    compare = COMPARISONS[target.similarity]
    return SigpropLearner(
        network.blocks,
        generator_for(network, target),
        network.classes,
        output=nn.Sequential(nn.Flatten(), network.output) if target.prediction == "classification" else None,
        loss=PredictionLoss(compare) if target.loss == "prediction" else HebbianLoss(compare),
        seen=_centred(network, layout_for(network.blocks, target)) if target.similarity == "cosine" else None,
        statistics=target.statistics,
        rate=learning.rate,
        readout_rate=settings.rates.get("learning.readout_rate"),
        weight_decay=learning.weight_decay,
        precision=settings.training.precision,
    )


def _centred(network: Network, layout: Layout) -> list[nn.Module]:
    """For each layer, of the shape in which its outputs and targets are compared: on the smaller grid of the two."""
    shapes = [block.outputs for block in network.blocks]
    grids = [tuple(map(min, shape[1:], layout.shape[1:])) for shape in shapes]
    return [Centred((shape[0], *grid)) for shape, grid in zip(shapes, grids, strict=True)]
