"""The same network in plain PyTorch: two contestants of the training benchmark."""

import numpy as np
import torch
from numpy.typing import NDArray

from ctsigprop.continuous.network import Array, Network

FREE_STEPS, CLAMPED_STEPS, STEP = 150, 6, 0.1


class EulerPhases:
    """Free and clamped phase of a loop network by Euler steps of Eq. 13, positive nudging, Eq. 14; no autograd."""

    def __init__(self, network: Network, beta: float) -> None:
        """Copies the weights of a `sigprop_loop` network with the hard sigmoid."""
        *forward, loop = (torch.from_numpy(c.matrix.copy()) for c in network.connections)
        self.forward, self.loop, self.beta = forward, loop, beta
        self.biases = [torch.from_numpy(bias.copy()) for bias in network.biases]
        self.rates = [connection.rate or 0.0 for connection in network.connections]

    @torch.no_grad()
    def step(self, inputs: Array, labels: NDArray[np.int64]) -> None:
        """One batch: 150 free steps, 6 clamped ones, the update."""
        x = torch.from_numpy(inputs)
        target = torch.nn.functional.one_hot(torch.from_numpy(labels), self.loop.shape[0]).to(x.dtype)
        drive = x @ self.forward[0] + self.biases[0]
        states = [torch.zeros(len(x), bias.shape[0], dtype=x.dtype) for bias in self.biases]
        for _ in range(FREE_STEPS):
            states = self._euler(states, drive, target, 0.0)
        free = states
        for _ in range(CLAMPED_STEPS):
            states = self._euler(states, drive, target, self.beta)
        scale = 1 / (self.beta * len(x))
        change = [nudged - rested for nudged, rested in zip(states, free, strict=True)]
        pre = [x, *free[:-1]]
        for k, weight in enumerate(self.forward):
            weight.addmm_(pre[k].T, change[k], alpha=scale * self.rates[k])
            self.biases[k].add_(change[k].sum(0), alpha=scale * self.rates[k])
        self.loop.addmm_(free[-1].T, change[0], alpha=scale * self.rates[-1])

    def _euler(
        self, states: list[torch.Tensor], drive: torch.Tensor, target: torch.Tensor, beta: float
    ) -> list[torch.Tensor]:
        nets = [drive + states[-1] @ self.loop]
        nets += [
            state @ weight + bias
            for state, weight, bias in zip(states[:-1], self.forward[1:], self.biases[1:], strict=True)
        ]
        moves = [net - state for net, state in zip(nets, states, strict=True)]
        moves[-1] -= beta * (states[-1] - target)
        return [(state + STEP * move).clamp_(0, 1) for state, move in zip(states, moves, strict=True)]


class Backpropagation:
    """The forward layers with hard sigmoid, squared error and SGD."""

    def __init__(self, network: Network, rate: float = 0.01) -> None:
        """Copies the forward weights of `network`."""
        self.layers = []
        for weight, bias in zip((c.matrix for c in network.connections), network.biases, strict=False):
            layer = torch.nn.Linear(weight.shape[0], weight.shape[1], dtype=torch.from_numpy(weight).dtype)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(weight.T))
                layer.bias.copy_(torch.from_numpy(bias))
            self.layers.append(layer)
        parameters = [parameter for layer in self.layers for parameter in layer.parameters()]
        self.optimizer = torch.optim.SGD(parameters, lr=rate)

    def step(self, inputs: Array, labels: NDArray[np.int64]) -> None:
        """One batch: forward, backward, update."""
        x = torch.from_numpy(inputs)
        target = torch.nn.functional.one_hot(torch.from_numpy(labels), self.layers[-1].out_features).to(x.dtype)
        for layer in self.layers:
            x = layer(x).clamp(0, 1)
        loss = 0.5 * ((x - target) ** 2).sum(dim=1).mean()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
