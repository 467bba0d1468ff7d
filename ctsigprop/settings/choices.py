"""What settings choose by name. A shipped thing is imported when it is first asked for, one's own is added."""

from typing import Any

from ctsigprop.core.registry import Registry


def _named(public: str, setting: str, module: str, *names: str) -> Registry[Any]:
    return Registry(setting, {name: f"{module}:{name.upper().replace('-', '_')}" for name in names}, public)


ARCHITECTURES = _named(
    "ARCHITECTURES",
    "network.architecture",
    "ctsigprop.continuous.architectures",
    *("sigprop_loop", "symmetric_ep", "random_feedback_ep", "conv_loop", "conv_symmetric", "resnet_symmetric", "graph"),
)
RHOS = _named(
    "RHOS",
    "network.rho",
    "ctsigprop.continuous.rho.shipped",
    *("hard_sigmoid", "logistic", "tanh", "rectifier", "linear"),
)
COSTS = _named("COSTS", "network.cost", "ctsigprop.continuous.cost", "squared_error", "cross_entropy")
RULES = _named(
    "RULES",
    "learning.rule",
    "ctsigprop.continuous.learning.rules",
    *("eq14", "contrastive", "coupled", "continual", "exact"),
)
OPTIMIZERS = _named(
    "OPTIMIZERS", "learning.optimizer", "ctsigprop.continuous.learning.optimizers", "sgd", "momentum", "adam"
)
NEURONS = _named("spiking.NEURONS", "network.neuron", "ctsigprop.spiking.neurons", "integrate_and_fire")
SURROGATES = _named(
    "spiking.SURROGATES", "network.surrogate", "ctsigprop.spiking.surrogates", "arctan", "sigmoid", "triangle"
)
CODINGS = _named("spiking.CODINGS", "network.coding", "ctsigprop.spiking.coding", "direct", "rate", "latency")
DATASETS = _named(
    "DATASETS",
    "data.name",
    "ctsigprop.data.catalog",
    *("digits", "mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"),
)
