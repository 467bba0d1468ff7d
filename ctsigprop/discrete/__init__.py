"""The discrete family: signal propagation layer by layer and its references, on any layers of PyTorch.

Its names are imported when they are first used:

    import ctsigprop as ct

    learner = ct.discrete.SigProp(layers, data.shape)
    run = ct.fit(learner, data, epochs=10)
"""

from typing import TYPE_CHECKING, Any

from ctsigprop.core.lazy import imported, names_of

if TYPE_CHECKING:
    from ctsigprop.discrete.losses import HebbianLoss as HebbianLoss
    from ctsigprop.discrete.losses import LayerLoss as LayerLoss
    from ctsigprop.discrete.losses import PredictionLoss as PredictionLoss
    from ctsigprop.discrete.rules.backprop import Backprop as Backprop
    from ctsigprop.discrete.rules.direct import DirectFeedbackAlignment as DirectFeedbackAlignment
    from ctsigprop.discrete.rules.feedback import FeedbackAlignment as FeedbackAlignment
    from ctsigprop.discrete.rules.forward_forward import ForwardForward as ForwardForward
    from ctsigprop.discrete.rules.local import LocalLoss as LocalLoss
    from ctsigprop.discrete.rules.sigprop import SigProp as SigProp
    from ctsigprop.discrete.rules.sigprop import SigpropLearner as SigpropLearner
    from ctsigprop.discrete.rules.synthetic_gradients import SyntheticGradients as SyntheticGradients
    from ctsigprop.discrete.rules.target_propagation import DifferenceTargetPropagation as DifferenceTargetPropagation
    from ctsigprop.discrete.sparse import Layout as Layout
    from ctsigprop.discrete.targets import SharedTarget as SharedTarget
    from ctsigprop.discrete.targets import TargetGenerator as TargetGenerator
    from ctsigprop.discrete.targets import TargetInput as TargetInput
    from ctsigprop.discrete.targets import TargetLoop as TargetLoop
    from ctsigprop.discrete.targets import TargetOnly as TargetOnly

_HOMES = {
    "ctsigprop.discrete.losses": ("HebbianLoss", "LayerLoss", "PredictionLoss"),
    "ctsigprop.discrete.rules.backprop": ("Backprop",),
    "ctsigprop.discrete.rules.direct": ("DirectFeedbackAlignment",),
    "ctsigprop.discrete.rules.feedback": ("FeedbackAlignment",),
    "ctsigprop.discrete.rules.forward_forward": ("ForwardForward",),
    "ctsigprop.discrete.rules.local": ("LocalLoss",),
    "ctsigprop.discrete.rules.sigprop": ("SigProp", "SigpropLearner"),
    "ctsigprop.discrete.rules.synthetic_gradients": ("SyntheticGradients",),
    "ctsigprop.discrete.rules.target_propagation": ("DifferenceTargetPropagation",),
    "ctsigprop.discrete.sparse": ("Layout",),
    "ctsigprop.discrete.targets": ("SharedTarget", "TargetGenerator", "TargetInput", "TargetLoop", "TargetOnly"),
}

__all__ = names_of(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used; PyTorch must be installed."""
    return imported(__name__, name, _HOMES)


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__]
