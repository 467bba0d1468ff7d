"""ctsigprop: learning with forward passes only, in continuous-time dynamical systems.

Everything that a researcher writes is a name of this package, imported when it is first used:

    import ctsigprop as ct

    data = ct.load_dataset("digits")
    run = ct.fit(ct.Network.sigprop_loop([64, 128, 10]), data, epochs=10)
    run.network.predict(data.test.images)
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ctsigprop.core.lazy import imported, names_of
from ctsigprop.core.temporary import keep_matplotlib_quiet

# NumPy and SciPy each bring an OpenBLAS whose idle threads spin for milliseconds before they sleep, and so take
# the cores from each other: three times slower training. They read this once, as they are loaded.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "17")
keep_matplotlib_quiet()

__version__ = "0.1.0"

if TYPE_CHECKING:
    from ctsigprop import discrete as discrete
    from ctsigprop import spiking as spiking
    from ctsigprop.analysis.measures.alignment import angles as angles
    from ctsigprop.analysis.measures.callbacks import Angles as Angles
    from ctsigprop.analysis.measures.callbacks import Gradients as Gradients
    from ctsigprop.analysis.plots.figures import FIGURES as FIGURES
    from ctsigprop.analysis.plots.figures import RunFigure as RunFigure
    from ctsigprop.continuous.architectures import ARCHITECTURES as ARCHITECTURES
    from ctsigprop.continuous.architectures import Architecture as Architecture
    from ctsigprop.continuous.connections import AvgPool as AvgPool
    from ctsigprop.continuous.connections import Connection as Connection
    from ctsigprop.continuous.connections import Conv as Conv
    from ctsigprop.continuous.connections import Dense as Dense
    from ctsigprop.continuous.connections import MaxPool as MaxPool
    from ctsigprop.continuous.connections import Outer as Outer
    from ctsigprop.continuous.connections import Skip as Skip
    from ctsigprop.continuous.cost import COSTS as COSTS
    from ctsigprop.continuous.cost import Cost as Cost
    from ctsigprop.continuous.layers import Layer as Layer
    from ctsigprop.continuous.learning.correlations import Correlations as Correlations
    from ctsigprop.continuous.learning.optimizers import OPTIMIZERS as OPTIMIZERS
    from ctsigprop.continuous.learning.optimizers import Adam as Adam
    from ctsigprop.continuous.learning.optimizers import Momentum as Momentum
    from ctsigprop.continuous.learning.optimizers import Optimizer as Optimizer
    from ctsigprop.continuous.learning.optimizers import Sgd as Sgd
    from ctsigprop.continuous.learning.rules import RULES as RULES
    from ctsigprop.continuous.learning.rules import Rule as Rule
    from ctsigprop.continuous.network import Network as Network
    from ctsigprop.continuous.rho import RHOS as RHOS
    from ctsigprop.continuous.rho import Rho as Rho
    from ctsigprop.data import DATASETS as DATASETS
    from ctsigprop.data import Dataset as Dataset
    from ctsigprop.data import NamedDataset as NamedDataset
    from ctsigprop.data import load_dataset as load_dataset
    from ctsigprop.errors import CtsigpropError as CtsigpropError
    from ctsigprop.errors import InputError as InputError
    from ctsigprop.errors import RunFailure as RunFailure
    from ctsigprop.experiments.sweeps.sweep import sweep as sweep
    from ctsigprop.library.fit import fit as fit
    from ctsigprop.library.load import load_run as load_run
    from ctsigprop.library.run import Run as Run
    from ctsigprop.library.simulate import Sampled as Sampled
    from ctsigprop.library.simulate import Simulation as Simulation
    from ctsigprop.library.simulate import simulate as simulate
    from ctsigprop.library.solvers import Anderson as Anderson
    from ctsigprop.library.solvers import Device as Device
    from ctsigprop.library.solvers import InTime as InTime
    from ctsigprop.library.solvers import Passes as Passes
    from ctsigprop.library.solvers import Phases as Phases
    from ctsigprop.runs.callbacks import Callback as Callback
    from ctsigprop.runs.callbacks import EarlyStopping as EarlyStopping
    from ctsigprop.runs.callbacks import Moment as Moment
    from ctsigprop.solvers import METHODS as METHODS
    from ctsigprop.solvers import Tableau as Tableau
    from ctsigprop.solvers import integrate as integrate
    from ctsigprop.solvers import integrate_stochastic as integrate_stochastic

_HOMES = {
    "ctsigprop.analysis.measures.alignment": ("angles",),
    "ctsigprop.analysis.measures.callbacks": ("Angles", "Gradients"),
    "ctsigprop.analysis.plots.figures": ("FIGURES", "RunFigure"),
    "ctsigprop.runs.callbacks": ("Callback", "EarlyStopping", "Moment"),
    "ctsigprop.continuous.architectures": ("ARCHITECTURES", "Architecture"),
    "ctsigprop.continuous.connections": ("AvgPool", "Connection", "Conv", "Dense", "MaxPool", "Outer", "Skip"),
    "ctsigprop.continuous.cost": ("COSTS", "Cost"),
    "ctsigprop.continuous.layers": ("Layer",),
    "ctsigprop.continuous.learning.correlations": ("Correlations",),
    "ctsigprop.continuous.learning.optimizers": ("OPTIMIZERS", "Adam", "Momentum", "Optimizer", "Sgd"),
    "ctsigprop.continuous.learning.rules": ("RULES", "Rule"),
    "ctsigprop.continuous.network": ("Network",),
    "ctsigprop.continuous.rho": ("RHOS", "Rho"),
    "ctsigprop.data": ("DATASETS", "Dataset", "NamedDataset", "load_dataset"),
    "ctsigprop.errors": ("CtsigpropError", "InputError", "RunFailure"),
    "ctsigprop.experiments.sweeps.sweep": ("sweep",),
    "ctsigprop.library.fit": ("fit",),
    "ctsigprop.library.load": ("load_run",),
    "ctsigprop.library.run": ("Run",),
    "ctsigprop.library.simulate": ("Sampled", "Simulation", "simulate"),
    "ctsigprop.library.solvers": ("Anderson", "Device", "InTime", "Passes", "Phases"),
    "ctsigprop.solvers": ("METHODS", "Tableau", "integrate", "integrate_stochastic"),
}
_FAMILIES = ("discrete", "spiking")

__all__ = sorted([*names_of(_HOMES), *_FAMILIES])


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    return import_module(f"{__name__}.{name}") if name in _FAMILIES else imported(__name__, name, _HOMES)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
