"""A hidden layer under signal propagation."""

from torch import Tensor, nn

from ctsigprop.discrete.halves import halves
from ctsigprop.discrete.losses import LayerLoss, interleave, on_one_grid, reconstructed, separate
from ctsigprop.discrete.target_forward import activate_both, hand_on_both
from ctsigprop.discrete.targets import TargetGenerator
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Signal, Stage, Step
from ctsigprop.settings.discrete import Compared, Statistics


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
        compared: whether the loss is of the layer's outputs, or of its activations, before dropout and pooling.
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
        compared: Compared = "outputs",
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
        self.compared: Compared = compared

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """Passes [h, t], updates the layer by the loss between them, and hands them on.

        Raises:
            InputError: inputs or outputs and their targets are not of one shape.
        """
        h, t = self._pass(signal, labels)
        self._check(h, t)
        loss, scores = self.loss(*self._seen(h, t), labels if self.per_class else reconstructed(labels))
        self.update(loss)
        h, t = self._behind(h.detach(), t.detach())
        return Signal(h, t), Step(loss.detach(), scores.detach() if self.per_class else None)

    def forward(self, signal: Signal) -> Signal:
        """Passes h, and t where it is one a class and so needs no labels; O(h, t) is then an early exit (Eq. 8)."""
        if not self.per_class:
            return Signal(self.layer(signal.h))
        h, t = self._pass(signal, None)
        scores = self.loss.scores(*self._seen(h, t))
        h, t = self._behind(h, t)
        return Signal(h, t, exit=scores)

    def scores(self, signal: Signal) -> Tensor | None:
        """O(h, t) of this layer, an early exit (paper, Eq. 8); None where targets are one a sample."""
        return signal.exit

    def _seen(self, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        h, t = on_one_grid(h, t)
        return self.seen(h), t

    def _pass(self, signal: Signal, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """[h, t] as they are compared: outputs of the layer, or activations."""
        h, t = signal.h.detach(), signal.t
        early = self.compared == "activations"
        alone = halves(self.layer)[0] if early else self.layer
        if self.generator is not None and not self.generator.at_input:
            h = alone(h)
            return h, self.generator(h, labels, signal.context)
        if self.generator is not None:
            t = self.generator(h, labels, signal.context)
            if h.ndim == t.ndim and h.ndim in (2, 4) and h.shape[1] != t.shape[1]:
                raise self._unlike("inputs", h, t)
        if t is None:
            raise InputError(f"{self.name}: no targets came with its inputs: the first layer needs a target generator")
        if self._interleaved(h, t):
            return separate(alone(interleave(h, t)))
        h, t = activate_both(self.layer, h, t, self.statistics)
        return (h, t) if early else hand_on_both(self.layer, h, t)

    def _behind(self, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """What is handed on of [h, t] that were compared."""
        if self.compared == "outputs":
            return h, t
        if self.generator is not None and not self.generator.at_input:
            return halves(self.layer)[1](h), t
        if self._interleaved(h, t):
            return separate(halves(self.layer)[1](interleave(h, t)))
        return hand_on_both(self.layer, h, t)

    def _interleaved(self, h: Tensor, t: Tensor) -> bool:
        return self.together and h.shape == t.shape

    def _check(self, h: Tensor, t: Tensor) -> None:
        alike = h.shape[1:2] == t.shape[1:2] if h.ndim == t.ndim == 4 else h.shape[1:] == t.shape[1:]
        if not alike:
            raise self._unlike("outputs", h, t)

    def _unlike(self, of: str, h: Tensor, t: Tensor) -> InputError:
        shapes = f"{of} of shape {tuple(h.shape[1:])}, targets of shape {tuple(t.shape[1:])}"
        return InputError(f"{self.name}: {shapes}: both must have the same shape, images the same channels")
