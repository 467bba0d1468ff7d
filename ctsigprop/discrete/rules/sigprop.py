"""Signal propagation: inputs and targets pass the same layers, and each layer learns as they pass (paper, Sec. III)."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.discrete.centred import Centred
from ctsigprop.discrete.chain import Chain
from ctsigprop.discrete.losses import COMPARISONS, HebbianLoss, LayerLoss, PredictionLoss
from ctsigprop.discrete.network import Network
from ctsigprop.discrete.rules.layer_stage import LayerStage
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.targets import TargetGenerator, TargetOnly, generator_for, layout_for
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner, Signal, Stage
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputLoss, OutputStage
from ctsigprop.layered.prediction import inference
from ctsigprop.layered.seeding import Use, generator
from ctsigprop.settings.checks import require_one_of
from ctsigprop.settings.discrete import Compared, DiscreteSettings, Precision, Statistics, TargetSettings


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
        compared: Compared = "outputs",
        output_loss: OutputLoss = F.cross_entropy,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
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
            compared: whether losses are of the layers' outputs, or of their activations, before dropout and pooling.
            output_loss: of the output layer.
            optimizer: of every stage's parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of every stage's Adam in its place (default: 5e-4).
            readout_rate: of the output layer's Adam; `rate` unless given.
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
                compared=compared,
            )
            for number, layer in enumerate(layers, start=1)
        ]
        for stage in stages:
            stage.learn_with(optimizer=chosen(optimizer, rate, weight_decay))
        if output is not None:
            stages.append(OutputStage("output", output, output_loss))
            stages[-1].learn_with(
                optimizer=chosen(optimizer, rate if readout_rate is None else readout_rate, weight_decay)
            )
        super().__init__(stages, classes, precision)
        self.uses_scores = generator.uses_scores
        self.options = {"statistics": statistics, "compared": compared, "loss": repr(loss or PredictionLoss())}

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


class SigProp(SigpropLearner):
    """Signal propagation of any layers: inputs and targets pass them, and each learns as they pass (Kohan et al. 2022).

    The last layer reads out the classes and learns from the labels (paper, Fig. 2b). See `SigpropLearner` for networks
    without such a layer, and for learning signals that are no classes.
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        targets: TargetGenerator | None = None,
        loss: LayerLoss | None = None,
        statistics: Statistics = "inputs",
        compared: Compared = "outputs",
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Cut the layers into stages.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            targets: makes the first layer's targets; one a class, t = f(S c + d), by default (paper, Eq. 1).
            loss: of every hidden layer; the prediction loss with the dot product by default (Eq. 9).
            statistics: by which batch normalisation normalises targets: of the inputs, or of the targets themselves.
            compared: whether losses are of the layers' outputs, or of their activations, before dropout and pooling.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of the targets' weights.

        Raises:
            InputError: an argument that cannot be used, layers that do not go together, or no hidden layer.
        """
        require_one_of("statistics", statistics, Statistics)
        require_one_of("compared", compared, Compared)
        chain = Chain(layers, shape, seed)
        chain.require_hidden("signal propagation")
        random = generator(seed, 1, Use.TARGETS)
        targets = targets or TargetOnly(chain.classes, Layout(chain.shapes[0]), random=random)
        super().__init__(
            chain.blocks,
            targets.to(next(chain.parameters())),
            chain.classes,
            output=chain.output,
            loss=loss,
            statistics=statistics,
            compared=compared,
            optimizer=optimizer,
            rate=rate,
            precision=precision,
        )
        self.options |= {"seed": seed}


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
        seen=_centred(network, target) if target.similarity == "cosine" else None,
        statistics=target.statistics,
        compared=target.compared,
        rate=learning.rate,
        readout_rate=settings.rates.get("learning.readout_rate"),
        weight_decay=learning.weight_decay,
        precision=settings.training.precision,
    )


def _centred(network: Network, settings: TargetSettings) -> list[nn.Module]:
    """For each layer, of the shape in which it and its targets are compared: on the smaller grid of the two."""
    layout = layout_for(network.blocks, settings)
    shapes = network.shapes if settings.compared == "outputs" else network.activated
    grids = [tuple(map(min, shape[1:], layout.shape[1:])) for shape in shapes]
    return [Centred((shape[0], *grid)) for shape, grid in zip(shapes, grids, strict=True)]
