"""What settings choose by name. A shipped thing is imported when it is first asked for, one's own is added."""

from typing import Any

from ctsigprop.core.registry import Registry


def _named(setting: str, module: str, *names: str) -> Registry[Any]:
    return Registry(setting, {name: f"{module}:{name.upper().replace('-', '_')}" for name in names})


ARCHITECTURES = _named(
    "network.architecture",
    "ctsigprop.continuous.architectures",
    *("sigprop_loop", "symmetric_ep", "random_feedback_ep", "graph"),
)
RHOS = _named(
    "network.rho", "ctsigprop.continuous.rho.shipped", *("hard_sigmoid", "logistic", "tanh", "rectifier", "linear")
)
COSTS = _named("network.cost", "ctsigprop.continuous.cost", "squared_error", "cross_entropy")
RULES = _named("learning.rule", "ctsigprop.continuous.learning.rules", "eq14")
OPTIMIZERS = _named("learning.optimizer", "ctsigprop.continuous.learning.optimizers", "sgd", "momentum", "adam")
DATASETS = _named(
    "data.name",
    "ctsigprop.data.catalog",
    *("digits", "mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"),
)
