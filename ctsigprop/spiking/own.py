"""What trains blocks of the user's own: signal propagation, backpropagation, or the classification layer alone."""

from collections.abc import Sequence
from typing import Any, Unpack

from torch import Tensor

from ctsigprop.layered.learner import Learner, Signal, Step
from ctsigprop.layered.optimizers import MakeOptimizer
from ctsigprop.layered.output import OutputStage
from ctsigprop.settings.checks import require_one_of
from ctsigprop.settings.spiking import THRESHOLDS, SpikingLearningSettings, Update
from ctsigprop.spiking.blocks import Block, BlockOptions, network_of_blocks
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.learners import readout_stage, whole_stage
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.shapes import Shape
from ctsigprop.spiking.sigprop import Reads, StepwiseLearner, stages_of, targets_for
from ctsigprop.spiking.surrogates import SURROGATES

USUAL = SpikingLearningSettings()


class SigProp(StepwiseLearner):
    """Signal propagation (paper, Sec. VI-B): each block learns from its own voltages, without a way back.

    Attributes:
        update: one for all steps of time (end), or one at each (step).
    """

    family = "spiking"

    def __init__(
        self,
        blocks: Sequence[Block],
        shape: Shape,
        classes: int,
        *,
        reads: Reads = "surrogate",
        update: Update = "end",
        optimizer: MakeOptimizer | None = None,
        **options: Unpack[BlockOptions],
    ) -> None:
        """Blocks, the targets that pass them with the inputs, one a class, and a classification layer.

        Args:
            blocks: from the input side; their modules are trained in place.
            shape: of a sample, or of one step of a recording: (features,), (height, width) or (channels, height,
                width).
            classes: how many there are.
            reads: what a block's loss sees: its voltages through the surrogate, or the voltages as they are.
            update: one for all steps of time (end), or one at each (step).
            optimizer: makes the optimizer of each stage of its parameters, such as
                `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`; Adam where it is left out, at 5e-4, and at
                5e-3 for the classification layer.
            options: `steps`, `coding`, `threshold`, `surrogate` and `seed`, as `BlockOptions` says.

        Raises:
            InputError: an argument that cannot be used, or blocks that do not go together.
        """
        require_one_of("reads", reads, Reads)
        require_one_of("update", update, Update)
        options.setdefault("threshold", THRESHOLDS["sp-surrogate"])
        network = network_of_blocks(blocks, shape, classes, **options)
        hidden, output = stages_of(network, reads, targets_for(network))
        for stage in hidden:
            stage.learn_with(USUAL.rate, optimizer=optimizer)
        output.learn_with(USUAL.readout_rate, optimizer=optimizer)
        super().__init__(hidden, output, classes, "float32", network.blocks[0].neurons.steps)
        self.update = update
        _describe(self, {"reads": reads, "update": update, **options})

    def step_from(self, signal: Signal, labels: Tensor) -> tuple[list[Step], Signal]:
        """Trains on a batch; see `Learner.step_from`."""
        once = self.update == "end"
        return Learner.step_from(self, signal, labels) if once else super().step_from(signal, labels)


class _OneStage(Learner):
    """A learner of blocks whose loss is the network's own."""

    family = "spiking"

    def __init__(
        self,
        blocks: Sequence[Block],
        shape: Shape,
        classes: int,
        *,
        optimizer: MakeOptimizer | None = None,
        **options: Unpack[BlockOptions],
    ) -> None:
        """Blocks and a classification layer; arguments as of `SigProp`.

        Raises:
            InputError: an argument that cannot be used, or blocks that do not go together.
        """
        network = network_of_blocks(blocks, shape, classes, **options)
        super().__init__([self._stage(network, optimizer)], classes)
        _describe(self, options)

    @staticmethod
    def _stage(network: SpikingNetwork, optimizer: MakeOptimizer | None) -> OutputStage:
        """What learns."""
        raise NotImplementedError


class Backprop(_OneStage):
    """Backpropagation through layers and time; the surrogate's slope stands for that of the spike."""

    @staticmethod
    def _stage(network: SpikingNetwork, optimizer: MakeOptimizer | None) -> OutputStage:
        return whole_stage(network, USUAL.rate, optimizer=optimizer)


class Shallow(_OneStage):
    """The classification layer alone learns; the blocks stay as they are, but for batch-normalisation statistics."""

    @staticmethod
    def _stage(network: SpikingNetwork, optimizer: MakeOptimizer | None) -> OutputStage:
        return readout_stage(network, USUAL.readout_rate, optimizer=optimizer)


def _describe(learner: Learner, options: Any) -> None:
    """What the run's config.yaml says of a learner, and what inputs its coding takes."""
    coding, surrogate = CODINGS.of(options.get("coding", "direct")), SURROGATES.of(options.get("surrogate", "arctan"))
    learner.takes = "intensities" if coding.intensities else "standardised"
    learner.options = {**options, "coding": coding.name, "surrogate": surrogate.name}
