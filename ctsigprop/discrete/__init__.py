"""The discrete family: signal propagation layer by layer and its references, on any layers of PyTorch.

Its names are imported when they are first used:

    import ctsigprop as ct

    learner = ct.discrete.SigProp(layers, data.shape)
    run = ct.fit(learner, data, epochs=10)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ctsigprop.errors import InputError

if TYPE_CHECKING:
    from ctsigprop.discrete.losses import HebbianLoss as HebbianLoss
    from ctsigprop.discrete.losses import LayerLoss as LayerLoss
    from ctsigprop.discrete.losses import PredictionLoss as PredictionLoss
    from ctsigprop.discrete.rules.backprop import Backprop as Backprop
    from ctsigprop.discrete.rules.direct import DirectFeedbackAlignment as DirectFeedbackAlignment
    from ctsigprop.discrete.rules.feedback import FeedbackAlignment as FeedbackAlignment
    from ctsigprop.discrete.rules.local import LocalLoss as LocalLoss
    from ctsigprop.discrete.rules.sigprop import SigProp as SigProp
    from ctsigprop.discrete.rules.sigprop import SigpropLearner as SigpropLearner
    from ctsigprop.discrete.sparse import Layout as Layout
    from ctsigprop.discrete.targets import SharedTarget as SharedTarget
    from ctsigprop.discrete.targets import TargetGenerator as TargetGenerator
    from ctsigprop.discrete.targets import TargetInput as TargetInput
    from ctsigprop.discrete.targets import TargetLoop as TargetLoop
    from ctsigprop.discrete.targets import TargetOnly as TargetOnly

_HOMES = {
    "losses": ("HebbianLoss", "LayerLoss", "PredictionLoss"),
    "rules.backprop": ("Backprop",),
    "rules.direct": ("DirectFeedbackAlignment",),
    "rules.feedback": ("FeedbackAlignment",),
    "rules.local": ("LocalLoss",),
    "rules.sigprop": ("SigProp", "SigpropLearner"),
    "sparse": ("Layout",),
    "targets": ("SharedTarget", "TargetGenerator", "TargetInput", "TargetLoop", "TargetOnly"),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Raises:
        InputError: PyTorch is not installed.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        thing = getattr(import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("torch: is not installed: `pip install 'ctsigprop[torch]'`") from error
    globals()[name] = thing
    return thing


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__]
