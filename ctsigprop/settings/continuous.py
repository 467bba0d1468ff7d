"""All settings of the continuous family: frozen dataclasses that refuse a wrong value when they are made."""

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Literal

from ctsigprop.settings.checks import (
    require,
    require_flag,
    require_multiple,
    require_number,
    require_one_of,
    require_rate,
    require_sequence,
    require_whole,
)
from ctsigprop.settings.choices import ARCHITECTURES, COSTS, OPTIMIZERS, RHOS, RULES
from ctsigprop.settings.data import DataSettings
from ctsigprop.settings.device import DeviceSettings, PhaseSettings
from ctsigprop.settings.graph import (
    MOST_KERNEL,
    MOST_UNITS,
    ConnectionSettings,
    LayerSettings,
    PoolKind,
    require_graph,
)
from ctsigprop.settings.printing import changed
from ctsigprop.settings.rates import with_rates
from ctsigprop.settings.training import TrainingSettings

if TYPE_CHECKING:
    from ctsigprop.solvers import Tableau

SWEEPS = ("anderson", "sweeps")
"""Methods that seek the fixed point without time."""
NudgingKind = Literal["positive", "negative", "random-sign", "centered"]
Start = Literal["last", "zero"]
Precision = Literal["float32", "float64"]
STEPPED = {"euler": "euler_maruyama", "heun": "stochastic_heun"}
"""Integrators that can follow a phase step by step, and the stochastic one that each is without noise."""
RESIDUAL = 3
"""Layers of a stage of a residual network."""
FINEST_TOLERANCE = {"float32": 2e-6, "float64": 4e-15}


@dataclass(frozen=True)
class NetworkSettings:
    """The network graph.

    Attributes:
        architecture: sigprop_loop (forward weights and a loop from the output), symmetric_ep (shared
            matrices both ways), random_feedback_ep (independent matrices both ways), of convolutions conv_loop,
            conv_symmetric or resnet_symmetric (with skip connections), or graph (`layers` and `connections`).
        hidden: units of each hidden layer, from the input side; of convolutions its channels, of resnet_symmetric those
            of each stage: three layers.
        loops: of loop networks: the layers into which the output feeds back (1 is the first hidden layer), or all.
        kernel: side of the kernels of convolutions.
        pool: what halves the images behind each convolution: max or avg.
        rho: firing-rate function: hard_sigmoid, logistic, tanh, rectifier, linear or one's own.
        output_rho: that of the output layer; `rho` by default.
        cost: whose gradient nudges the outputs: squared_error, cross_entropy or one's own.
        time_constant: leak time constant r of every neuron, dimensionless.
        output_gain: factor on the Glorot-uniform weights into the output layer. At 0, the default, outputs begin at 0,
            where any nudge reaches them; an output that begins below -beta never moves (see docs/continuous.md).
        feedback_gain: factor on the Glorot-uniform weights of loops and feedback connections.
        precision: floating-point type of states and weights.
        layers: of a graph, hidden layers and output: `units`, `rho`, `time_constant`, `bias_rate` of each.
        connections: of a graph: `source`, `target`, `rate`, `symmetric`, `gain` of each.
    """

    architecture: str = "sigprop_loop"
    hidden: tuple[int, ...] = (512,)
    loops: tuple[int, ...] | Literal["all"] = (1,)
    rho: str = "hard_sigmoid"
    time_constant: float = 1.0
    output_gain: float = 0.0
    feedback_gain: float = 1.0
    precision: Precision = "float32"
    output_rho: str | None = None
    cost: str = "squared_error"
    kernel: int = 3
    pool: PoolKind = "max"
    layers: tuple[LayerSettings, ...] = ()
    connections: tuple[ConnectionSettings, ...] = ()

    __repr__ = changed

    @property
    def loopy(self) -> bool:
        """Whether the output feeds back through loops."""
        return self.architecture in ("sigprop_loop", "conv_loop")

    @property
    def looped(self) -> tuple[int, ...]:
        """The layers that loops lead into."""
        return tuple(range(1, len(self.hidden) + 1)) if isinstance(self.loops, str) else self.loops

    @property
    def convolutional(self) -> bool:
        """Whether its hidden layers are images behind convolutions."""
        return self.architecture in ("conv_loop", "conv_symmetric", "resnet_symmetric")

    @property
    def layered(self) -> tuple[int, ...]:
        """Units or channels of each hidden layer, those of a residual network's stages layer by layer."""
        times = RESIDUAL if self.architecture == "resnet_symmetric" else 1
        return tuple(size for size in self.hidden for _ in range(times))

    @property
    def depth(self) -> int:
        """Connections from each layer to the next: as many as learning rates."""
        return len(self.layered) + 1

    @property
    def rho_of_outputs(self) -> str:
        """Firing-rate function of the output layer."""
        return self.layers[-1].rho if self.architecture == "graph" else self.output_rho or self.rho

    def __post_init__(self) -> None:
        ARCHITECTURES.check(self.architecture)
        require_graph(self)
        require_sequence(self, "network", "hidden")
        listed = isinstance(self.loops, list | tuple)
        require(listed or self.loops == "all", "network.loops", self.loops, "all, or a list such as [1, 2]")
        if listed:
            require_sequence(self, "network", "loops")
        require(
            len(self.hidden) > 0,
            "network.hidden",
            list(self.hidden),
            "at least one hidden layer, such as [256, 256]",
        )
        for units in self.hidden:
            require_whole("network.hidden", units, 1, MOST_UNITS)
        layers = f"one or more different hidden layers, 1 to {len(self.hidden)}"
        require_whole("network.kernel", self.kernel, 1, MOST_KERNEL)
        require(self.kernel % 2 == 1, "network.kernel", self.kernel, "odd, so that images keep their size")
        require_one_of("network.pool", self.pool, PoolKind)
        known = all(type(layer) is int and 1 <= layer <= len(self.hidden) for layer in self.looped)
        require(known and 0 < len(self.looped) == len(set(self.looped)), "network.loops", list(self.looped), layers)
        RHOS.check(self.rho)
        if self.output_rho is not None:
            RHOS.check(self.output_rho)
        COSTS.check(self.cost)
        require_number("network.time_constant", self.time_constant, 0.0, open_low=True)
        require_number("network.output_gain", self.output_gain, 0.0)
        require_number("network.feedback_gain", self.feedback_gain, 0.0)
        require_one_of("network.precision", self.precision, Precision)


@dataclass(frozen=True)
class SolverSettings:
    """How a phase is brought to its fixed point.

    Attributes:
        method: anderson (accelerated layer sweeps), sweeps (plain), or an integrator in time: euler, heun, rk4, dopri5,
            exponential_euler or one's own.
        tolerance: largest relative residual of a converged sample, |F(s) - s| / |s|.
        max_sweeps: cap on the sweeps of one phase.
        start: free phase from the sample's last state (`last`) or from zero.
        step: time step of the fixed-step integrators, in the unit of network.time_constant.
        longest: longest phase that an integrator runs, in the unit of network.time_constant.
        rescue: integrate in time the samples that anderson has not brought to rest within max_sweeps.
        displacement: of the samples that learn, sweeps go on until the residual is at most this fraction of what the
            nudge does to the outputs, as far as the precision resolves it; at 0, tolerance alone counts.
    """

    method: str = "anderson"
    tolerance: float = 1e-4
    max_sweeps: int = 200
    start: Start = "last"
    step: float = 0.2
    longest: float = 200.0
    rescue: bool = True
    displacement: float = 0.01

    __repr__ = changed

    def __post_init__(self) -> None:
        if not self.sweeps:
            _integrator(self.method)
        require_number("solver.tolerance", self.tolerance, 0.0, 0.1, open_low=True)
        require_whole("solver.max_sweeps", self.max_sweeps, 1)
        require_one_of("solver.start", self.start, Start)
        require_number("solver.step", self.step, 0.0, open_low=True)
        require_number("solver.longest", self.longest, 0.0, open_low=True)
        require_flag("solver.rescue", self.rescue)
        require_number("solver.displacement", self.displacement, 0.0, 1.0)
        if self.fixed_step:
            allowed = f"at most a million times solver.step = {self.step:g}"
            require(self.longest <= 1e6 * self.step, "solver.longest", self.longest, allowed)

    @property
    def sweeps(self) -> bool:
        """Whether the method seeks the fixed point in sweeps, without time."""
        return self.method in SWEEPS

    @property
    def fixed_step(self) -> bool:
        """Whether the method integrates in time by `step`."""
        return not self.sweeps and not _integrator(self.method).error.size


@dataclass(frozen=True)
class NudgingSettings:
    """The clamped phase.

    Attributes:
        kind: positive (the paper's), negative (-beta, away from the target), random-sign, or centered (+beta and -beta,
            Laborieux et al. 2021).
        beta: nudging strength; below 1 where its sign may be negative, to keep the nudged leak positive.
    """

    kind: NudgingKind = "positive"
    beta: float = 1.0

    __repr__ = changed

    def __post_init__(self) -> None:
        require_one_of("nudging.kind", self.kind, NudgingKind)
        require_number("nudging.beta", self.beta, 0.0, open_low=True)


@dataclass(frozen=True)
class LearningSettings:
    """Eq. 14's rates.

    Attributes:
        rates: learning rate of each forward connection from the input side; one number serves all. Left out, or
            empty, from 4 for the first to 0.0075 for the last behind 512 units (the more units, the less), each the
            same fraction of the one before, and all in proportion to 1 + beta; momentum and adam have their own.
        feedback_rate: learning rate of loops and of separate feedback connections; left out, 0.1, or the optimizer's.
        decay: factor on every rate after each epoch.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
        fixed: names of connections that stay as they were drawn, such as W12; `loop` stands for every loop. The
            biases go on learning.
        average: errors are measured with, and predictions made by, the mean of the weights over about this many
            epochs; by the weights as they stand at 0.
        centred: take the rates of hidden layers less their running means in an update.
        rule: what an update is made of: eq14 (paper, Eq. 14), contrastive (outputs held at the target, Movellan 1991),
            coupled (held a part beta of their way there, Stern et al. 2021), continual (weights move in each
            step of the clamped phase, Ernoult et al. 2020), exact (the gradient at the free equilibrium, as a
            reference: recurrent backpropagation) or one's own.
        optimizer: sgd, momentum, adam or one's own.
        momentum: fraction of its velocity that an update of momentum keeps.
        betas: decay of Adam's mean update and mean square.
    """

    rates: tuple[float, ...] = ()
    feedback_rate: float | None = None
    decay: float = 0.95
    weight_decay: float = 0.0
    fixed: tuple[str, ...] = ()
    average: float = 0.0
    centred: bool = False
    rule: str = "eq14"
    optimizer: str = "sgd"
    momentum: float = 0.9
    betas: tuple[float, ...] = (0.9, 0.999)

    __repr__ = changed

    def __post_init__(self) -> None:
        RULES.check(self.rule)
        OPTIMIZERS.check(self.optimizer)
        require_number("learning.momentum", self.momentum, 0.0, 1.0, open_high=True)
        require_sequence(self, "learning", "betas")
        require(len(self.betas) == 2, "learning.betas", list(self.betas), "two numbers, such as [0.9, 0.999]")
        for beta in self.betas:
            require_number("learning.betas", beta, 0.0, 1.0, open_high=True)
        require_sequence(self, "learning", "rates")
        require_sequence(self, "learning", "fixed")
        for name in self.fixed:
            require(isinstance(name, str), "learning.fixed", name, "names of connections, such as [W12, loop]")
        for rate in self.rates:
            require_number("learning.rates", rate, 0.0)
        require_rate("learning.feedback_rate", self.feedback_rate)
        require_number("learning.decay", self.decay, 0.0, 1.0, open_low=True)
        require_number("learning.weight_decay", self.weight_decay, 0.0)
        require_number("learning.average", self.average, 0.0)
        require_flag("learning.centred", self.centred)


@dataclass(frozen=True)
class ProbeSettings:
    """What is measured of the network besides its errors.

    Attributes:
        samples: the first so many validation samples, of which signals, gradients and stability are measured after
            each epoch (none at 0).
        early: times within the first epoch, evenly spread, that the weights' angles are measured.
    """

    samples: int = 0
    early: int = 0

    __repr__ = changed

    def __post_init__(self) -> None:
        require_whole("probe.samples", self.samples, 0)
        require_whole("probe.early", self.early, 0)


@dataclass(frozen=True)
class Settings:
    """Everything that a run of the continuous family depends on; learning rates that are left out are filled in.

    Raises:
        InputError: two settings that do not go together.
    """

    data: DataSettings = field(default_factory=DataSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    solver: SolverSettings = field(default_factory=SolverSettings)
    nudging: NudgingSettings = field(default_factory=NudgingSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    phases: PhaseSettings = field(default_factory=PhaseSettings)
    device: DeviceSettings = field(default_factory=DeviceSettings)

    __repr__ = changed

    @property
    def title(self) -> str:
        """What runs of these settings are called."""
        return f"{self.data.title}-{self.network.architecture}"

    @property
    def tolerance(self) -> float:
        """Largest relative residual of a phase that has ended well; phases that end after a time need not rest."""
        return inf if self.phases.timed else self.solver.tolerance

    @property
    def inactive(self) -> dict[tuple[str, str], str]:
        """Group and name of the settings that nothing in such a run depends on, and the setting because of which."""
        network, solver, learning = self.network, self.solver, self.learning
        of_network = set() if network.loopy else {("network", "loops")}
        if not network.convolutional:
            of_network |= {("network", "kernel"), ("network", "pool")}
        if network.architecture in ("symmetric_ep", "conv_symmetric", "resnet_symmetric", "graph"):
            of_network |= {("network", "feedback_gain"), ("learning", "feedback_rate")}
        if network.architecture == "graph":
            of_network |= {
                ("network", name) for name in ("hidden", "rho", "output_rho", "time_constant", "output_gain")
            }
            of_network |= {("learning", "rates")}
        of_solver = {("solver", name) for name in _unused_of(solver)}
        if not solver.fixed_step:
            of_solver |= {("solver", "step")}
        of_optimizer = {("learning", name) for name in ("momentum", "betas")} - _heeded(learning.optimizer)
        of_nudging = {("nudging", "kind"), ("nudging", "beta")} if learning.rule in ("contrastive", "exact") else set()
        found = self.data.inactive | dict.fromkeys(of_nudging, f"learning.rule = {learning.rule}")
        found |= dict.fromkeys(of_network, f"network.architecture = {network.architecture}")
        found |= dict.fromkeys(of_solver, f"solver.method = {solver.method}")
        found |= dict.fromkeys(of_optimizer, f"learning.optimizer = {learning.optimizer}")
        if not self.device.noise:
            found["phases", "window"] = "device.noise = 0"
        if not (self.device.weight_bits or self.device.update_bits):
            found["device", "weight_range"] = "device.weight_bits and device.update_bits = 0"
        if network.loopy and "loop" in learning.fixed:
            found["learning", "feedback_rate"] = "learning.fixed holds loop"
        return found

    @property
    def own_names(self) -> dict[str, str]:
        """Settings that choose what was added to a registry, with the name that they choose."""
        network, learning = self.network, self.learning
        rhos = {network.rho, network.rho_of_outputs, *(layer.rho for layer in network.layers)}
        asked = [
            (ARCHITECTURES, network.architecture),
            *((RHOS, rho) for rho in sorted(rhos)),
            (COSTS, network.cost),
            (RULES, learning.rule),
            (OPTIMIZERS, learning.optimizer),
        ]
        return {registry.setting: name for registry, name in asked if registry.is_own(name)}

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates of connections and biases that count."""
        if self.network.architecture == "graph":
            layers, connections = self.network.layers, self.network.connections
            return tuple(
                rate or 0.0 for rate in (*(one.bias_rate for one in layers), *(one.rate for one in connections))
            )
        feedback = () if ("learning", "feedback_rate") in self.inactive else (self.learning.feedback_rate or 0.0,)
        return (*self.learning.rates, *feedback)

    def __post_init__(self) -> None:
        hidden, beta = self.network.hidden, self.nudging.beta
        forward = self.network.depth
        network, learning = with_rates(self.network, self.learning, self.nudging)
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "learning", learning)
        rates = learning.rates
        allowed = f"1 number, or {forward} for the forward connections of network.hidden = {list(hidden)}"
        counted = self.network.architecture != "graph"
        require(not counted or len(rates) in (1, forward), "learning.rates", list(rates), allowed)
        fastest = max(self.rates)
        decay = self.learning.weight_decay
        allowed = f"at most {1 / fastest:g}, 1 / the largest rate" if fastest else ""
        require(decay * fastest <= 1, "learning.weight_decay", decay, allowed)
        finest = FINEST_TOLERANCE[self.network.precision]
        require(
            self.solver.tolerance >= finest,
            "solver.tolerance",
            self.solver.tolerance,
            f"at least {finest:g} with network.precision = {self.network.precision}, which resolves no more",
        )
        self._check_device()
        if learning.rule == "coupled":
            require(
                self.nudging.kind == "positive", "nudging.kind", self.nudging.kind, "positive with coupled learning"
            )
            require(beta <= 1, "nudging.beta", beta, "at most 1 with coupled learning: the whole way to the target")
        if self.nudging.kind != "positive":
            bound = 1 / self.network.time_constant
            allowed = f"below 1 / network.time_constant = {bound:g} with {self.nudging.kind} nudging"
            require(beta < bound, "nudging.beta", beta, f"{allowed}, or outputs run away from their targets")

    def _check_device(self) -> None:
        phases, device, solver, rule = self.phases, self.device, self.solver, self.learning.rule
        stepped = "device.noise" if device.noise else "device.loop_delay" if device.loop_delay else ""
        if rule == "continual":
            stepped = "learning.rule = continual"
            kind = self.nudging.kind
            require(kind != "centered", "nudging.kind", kind, "one of positive, negative, random-sign with continual")
            require(not self.learning.centred, "learning.centred", True, "false with learning.rule = continual")
        if stepped:
            require(phases.timed, "phases.free", phases.free, f"a time, as phases.clamped, with {stepped}")
            require(solver.method in STEPPED, "solver.method", solver.method, f"euler or heun with {stepped}")
        elif phases.timed:
            require(not solver.sweeps, "solver.method", solver.method, "an integrator, such as euler, with phases.free")
        require_multiple("device.loop_delay", device.loop_delay, "solver.step", solver.step)


def _integrator(name: str) -> "Tableau":
    from ctsigprop.solvers import METHODS  # imports NumPy, which a run without an integrator's settings does not need

    return METHODS[METHODS.check(name, SWEEPS)]


def _unused_of(solver: SolverSettings) -> tuple[str, ...]:
    """The settings of a solver that its method does not heed."""
    if not solver.sweeps:
        return ("max_sweeps", "rescue", "displacement")
    if solver.method == "sweeps":
        return ("longest", "rescue")
    return () if solver.rescue else ("longest",)


def _heeded(optimizer: str) -> set[tuple[str, str]]:
    """The options among the settings of learning that an optimizer heeds."""
    options = {"momentum": {("learning", "momentum")}, "adam": {("learning", "betas")}}
    return options.get(optimizer, set())
