"""Two layers of convolutions in plain PyTorch: the contestants of the convolution benchmark."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_weight

from ctsigprop.continuous.network import Array, Network

FREE_STEPS, CLAMPED_STEPS = 50, 20
Labels = NDArray[np.int64]


def kernels_of(network: Network, name: str) -> Tensor:
    """The kernels of a convolution, (target channels, source channels, kernel, kernel)."""
    return torch.from_numpy(network.weights[name].copy()).permute(0, 3, 1, 2).contiguous()


def outputs_of(network: Network) -> Tensor:
    """The weights into the outputs, channels first as PyTorch flattens images, (outputs, units)."""
    below = network.layers[-2]
    weight = network.weights[network.connections[2].name].T
    return torch.from_numpy(below.images(weight).reshape(weight.shape).copy())


def images_of(network: Network, inputs: Array) -> Tensor:
    """Inputs of the network as images, (samples, channels, height, width)."""
    return torch.from_numpy(network.layers[0].images(inputs).copy())


def targets_of(labels: Labels, like: Tensor) -> Tensor:
    """One for the class of each sample, and zeros."""
    return functional.one_hot(torch.from_numpy(labels), like.shape[0]).to(like.dtype)


class Backpropagation:
    """The forward connections with hard sigmoids, means of windows, linear outputs, squared error and SGD."""

    def __init__(self, network: Network, rate: float = 0.01) -> None:
        """Copies the forward weights of `network`."""
        first, second = kernels_of(network, "W01"), kernels_of(network, "W12")
        self.convolutions = [(first, torch.from_numpy(network.biases[0].copy()))]
        self.convolutions += [(second, torch.from_numpy(network.biases[1].copy()))]
        self.outputs = outputs_of(network), torch.from_numpy(network.biases[2].copy())
        parameters = [*(one for pair in self.convolutions for one in pair), *self.outputs]
        self.optimizer = torch.optim.SGD([one.requires_grad_() for one in parameters], lr=rate)
        self.network = network

    def forward(self, inputs: Array) -> Tensor:
        """Output states, (samples, outputs)."""
        x = images_of(self.network, inputs)
        for kernels, bias in self.convolutions:
            net = functional.avg_pool2d(functional.conv2d(x, kernels, padding=kernels.shape[-1] // 2), 2)
            x = (net + bias[:, None, None]).clamp(0, 1)
        return functional.linear(x.flatten(1), *self.outputs)

    def step(self, inputs: Array, labels: Labels) -> None:
        """One batch: forward, backward, update."""
        error = self.forward(inputs) - targets_of(labels, self.outputs[0])
        self.optimizer.zero_grad()
        torch.autograd.backward(0.5 * (error**2).sum(dim=1).mean())
        self.optimizer.step()


class SynchronousPhases:
    """Equilibrium propagation as it is usually run: so many steps in which all layers settle at once, and Eq. 14."""

    def __init__(self, network: Network, beta: float) -> None:
        """Copies the weights of a `conv_symmetric` network with means of windows and linear outputs."""
        self.network, self.beta = network, beta
        self.first, self.second, self.last = kernels_of(network, "W01"), kernels_of(network, "W12"), outputs_of(network)
        self.biases = [torch.from_numpy(bias.copy()) for bias in network.biases]
        self.rates = [connection.rate or 0.0 for connection in network.connections]
        self.padding = self.second.shape[-1] // 2

    @torch.no_grad()
    def states(self, inputs: Array, labels: Labels, free: int, clamped: int) -> tuple[list[Tensor], list[Tensor]]:
        """States after so many free steps from zero, and after so many clamped ones from there."""
        x = images_of(self.network, inputs)
        drive = self._pooled(x, self.first) + self.biases[0][:, None, None]
        height, width = drive.shape[-2:]
        shapes = [drive.shape, (len(x), len(self.second), height // 2, width // 2), (len(x), len(self.last))]
        target = targets_of(labels, self.last)
        states = [torch.zeros(shape, dtype=x.dtype) for shape in shapes]
        for _ in range(free):
            states = self._settled(states, drive, target, 0.0)
        rested = states
        for _ in range(clamped):
            states = self._settled(states, drive, target, self.beta)
        return rested, states

    @torch.no_grad()
    def step(self, inputs: Array, labels: Labels) -> None:
        """One batch: the free steps, the clamped ones, the update."""
        free, nudged = self.states(inputs, labels, FREE_STEPS, CLAMPED_STEPS)
        x, scale = images_of(self.network, inputs), 1 / (self.beta * len(inputs))
        self.first += self.rates[0] * scale * self._correlation(x, nudged[0] - free[0], self.first)
        for states, sign in ((nudged, 1), (free, -1)):
            change = self._correlation(states[0], states[1], self.second)
            self.second += sign * self.rates[1] * scale * change
            self.last += sign * self.rates[2] * scale * states[2].T @ states[1].flatten(1)

    def _settled(self, states: list[Tensor], drive: Tensor, target: Tensor, beta: float) -> list[Tensor]:
        hidden, upper, outputs = states
        nets = [
            drive + functional.conv_transpose2d(self._spread(upper), self.second, padding=self.padding),
            self._pooled(hidden, self.second) + self.biases[1][:, None, None] + (outputs @ self.last).view_as(upper),
            functional.linear(upper.flatten(1), self.last, self.biases[2]),
        ]
        return [nets[0].clamp_(0, 1), nets[1].clamp_(0, 1), (nets[2] + beta * target) / (1 + beta)]

    def _pooled(self, images: Tensor, kernels: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.conv2d(images, kernels, padding=self.padding), 2)

    @staticmethod
    def _spread(pooled: Tensor) -> Tensor:
        return functional.interpolate(pooled, scale_factor=2.0) / 4

    def _correlation(self, below: Tensor, above: Tensor, kernels: Tensor) -> Tensor:
        """Derivative of above . pool(kernels * below) by the kernels."""
        spread = self._spread(above)
        return conv2d_weight(below, list(kernels.shape), spread, padding=self.padding)
