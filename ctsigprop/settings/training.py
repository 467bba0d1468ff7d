"""The settings of a run that all families share."""

from dataclasses import dataclass
from typing import Literal

from ctsigprop.settings.checks import require_flag, require_one_of, require_sequence, require_whole
from ctsigprop.settings.printing import changed

MOST_SEEDS = 2**63 - 1
MOST_THREADS = 1024
Augmentation = Literal["none", "crop", "crop-flip"]


@dataclass(frozen=True)
class TrainingSettings:
    """The run.

    Attributes:
        epochs: passes over the training set.
        batch_size: samples an update.
        seed: seeds everything that is drawn: weights, the order of the samples and what a family draws besides.
        threads: threads of every numerical library.
        keep: epochs after which a checkpoint is kept for good, as checkpoint-epoch-K.npz; those beyond `epochs` wait
            for more of them.
        tensorboard: also write TensorBoard event files (needs the `tensorboard` extra).
        augment: of images: none, crop (random crops after padding by 4) or crop-flip (and mirrored at random).
    """

    epochs: int = 40
    batch_size: int = 20
    seed: int = 0
    threads: int = 2
    keep: tuple[int, ...] = ()
    tensorboard: bool = False
    augment: Augmentation = "none"

    __repr__ = changed

    def __post_init__(self) -> None:
        require_whole("training.epochs", self.epochs, 1)
        require_whole("training.batch_size", self.batch_size, 1)
        require_whole("training.seed", self.seed, 0, MOST_SEEDS)
        require_whole("training.threads", self.threads, 1, MOST_THREADS)
        require_sequence(self, "training", "keep")
        for epoch in self.keep:
            require_whole("training.keep", epoch, 1)
        require_flag("training.tensorboard", self.tensorboard)
        require_one_of("training.augment", self.augment, Augmentation)
