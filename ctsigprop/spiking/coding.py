"""How an image, or a recording, becomes what enters a spiking network over the steps of time."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ctsigprop.core.registry import Registry
from ctsigprop.layered.seeding import Use, seed_of
from ctsigprop.settings import choices


@dataclass(frozen=True)
class Coding:
    """A coding that settings can choose.

    Attributes:
        name: by which they do.
        make: of the number of steps and the seed of a run, the module: inputs, shape (samples, channels, height,
            width), to what enters, shape (steps or 1, samples, channels, height, width), 1 where all steps are alike.
        intensities: it takes inputs from 0 to 1; otherwise each channel comes with mean 0 and deviation 1.
    """

    name: str
    make: Callable[[int, int], nn.Module]
    intensities: bool = True


class Direct(nn.Module):
    """The image itself as a current, the same at each step; of a recording, each frame at its step."""

    name = "direct"

    def forward(self, images: Tensor) -> Tensor:
        """To shape (steps or 1, samples, channels, height, width), where 1 is for all steps alike.

        Args:
            images: shape (samples, channels, height, width), or recordings, (samples, time, channels, height, width).
        """
        return images.transpose(0, 1) if images.dim() == 5 else images[None]


class Rate(nn.Module):
    """Independent random spikes at each step, with the intensity as their probability.

    In training each batch draws anew, and the number of batches drawn is in the state dictionary. In inference all
    samples of every batch share the draws: what a sample becomes depends on nothing but itself.

    Attributes:
        drawn: batches drawn in training so far.
    """

    name = "rate"

    def __init__(self, steps: int, seed: int) -> None:
        """Spikes of a run.

        Args:
            steps: of time.
            seed: of the run.
        """
        super().__init__()
        self.steps, self.seed, self.drawn = steps, seed, 0

    def forward(self, images: Tensor) -> Tensor:
        """Intensities from 0 to 1, (samples, channels, height, width), to spikes, (steps, samples, ...)."""
        if self.training:
            self.drawn += 1
        source = torch.Generator(images.device)
        source.manual_seed(seed_of(self.seed, 0, Use.SPIKES, self.drawn if self.training else 0))
        samples = len(images) if self.training else 1
        draws = torch.rand((self.steps, samples, *images.shape[1:]), generator=source, device=images.device)
        return (draws < images).to(images.dtype)

    def get_extra_state(self) -> Tensor:
        """The number of batches drawn."""
        return torch.tensor(self.drawn)

    def set_extra_state(self, state: Tensor) -> None:
        """Goes on after that many batches."""
        self.drawn = int(state)


class Latency(nn.Module):
    """One spike a pixel: the brightest at the first step, the darkest that is not black at the last, black none."""

    name = "latency"

    def __init__(self, steps: int) -> None:
        """Spikes within so many steps of time."""
        super().__init__()
        self.steps = steps

    def forward(self, images: Tensor) -> Tensor:
        """Intensities from 0 to 1, (samples, channels, height, width), to spikes, (steps, samples, ...)."""
        first = ((1 - images) * self.steps).floor().clamp(0, self.steps - 1)
        steps = torch.arange(self.steps, device=images.device).view(-1, *[1] * images.dim())
        return ((first == steps) & (images > 0)).to(images.dtype)


DIRECT = Coding("direct", lambda steps, seed: Direct(), intensities=False)
RATE = Coding("rate", Rate)
LATENCY = Coding("latency", lambda steps, seed: Latency(steps))

CODINGS: Registry[Coding] = choices.CODINGS
