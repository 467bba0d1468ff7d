"""`fit`: train a network of any family on data, in a run folder or without one."""

import sys
from inspect import signature
from typing import TYPE_CHECKING, Any, overload

from ctsigprop.continuous.network import Network
from ctsigprop.data import Dataset
from ctsigprop.errors import InputError
from ctsigprop.library.continuous import fit_network
from ctsigprop.library.options import LearnerOptions, NetworkOptions
from ctsigprop.library.run import Run
from ctsigprop.settings.config import nearest

if TYPE_CHECKING:
    from typing import Unpack

    from ctsigprop.layered.learner import Learner


@overload
def fit(network: Network, data: Dataset, **options: "Unpack[NetworkOptions]") -> Run: ...


@overload
def fit(network: "Learner", data: Dataset, **options: "Unpack[LearnerOptions]") -> Run: ...


def fit(network: Any, data: Dataset, **options: Any) -> Run:
    """Train a network, whose weights are changed in place, and measure its errors after each epoch.

    Args:
        network: a `Network` of the continuous family, with as many inputs and outputs as the data; or a learner of the
            discrete or the spiking family, such as `ctsigprop.discrete.SigProp`, for as many classes as the data have.
            Images enter a learner as (samples, channels, height, width), features as (samples, features).
        data: what is learned: classes, or in the continuous family a regression.
        options: of every family:
            epochs: passes over the training samples (default: 40; of a learner 20).
            batch_size: samples an update (20; 128).
            seed: of the order of samples, and of what is drawn in training (0).
            threads: threads of every numerical library (2).
            decay: factor on every rate after each epoch (1).
            keep: epochs after which a checkpoint is kept for good (none).
            augment: none (default), crop (random crops after padding by 4) or crop-flip (and mirrored at random).
            callbacks: called in training; the continuous family always measures angles (none).
            run_dir: folder of the run, new or empty; none is kept where it is left out.
            resume: go on with the run in `run_dir` (False); a learner is given again, as it was made for the run.
            quiet: show no progress (False).

            Of the continuous family:
            beta: nudging strength (1).
            nudging: positive (the paper's, the default), negative, random-sign or centered.
            rule: what an update is made of: eq14 (default), the name of another in `RULES`, or a Rule of one's own.
            rates: learning rates. Of a named architecture: of each forward connection from the input side, or one for
                all. Of a graph: one for all, or by the connections' names; a connection that is left out has the rate
                that it was made with. By default rates that follow depth, fan-in, beta and optimizer.
            feedback_rate: of loops and of separate feedback connections of a named architecture.
            fixed: names of connections that do not learn; `loop` stands for every loop of a sigprop_loop.
            optimizer: sgd (default), momentum, adam, another in `OPTIMIZERS`, or an Optimizer of one's own.
            weight_decay: fraction of a weight that an update at rate 1 takes off (0).
            average: predict with the mean of the weights over about this many epochs (0).
            centred: take the rates of hidden layers less their running means in an update (False).
            solver: of the phases: `Anderson` (default), `Passes` or `InTime`.
            phases: how long they last, `Phases` (until they rest).
            device: that the network is built on, `Device` (an ideal one).

            Of a learner, which has its optimizer:
            device: cpu (default) or cuda, to which the learner is moved.
            channels_last: memory layout of images and convolutions (False).

    Returns:
        The run; its `network` has the weights of the best epoch, and `network` itself those of the last, stored: only
        the run's network is on the device.

    Raises:
        InputError: an argument that cannot be used, or that does not go with another.
        RunFailure: weights that are no longer finite, or a disk that is full.
        KeyboardInterrupt: after the state was saved in `run_dir`.
    """
    if isinstance(network, Network):
        _check_names(fit_network, options)
        return fit_network(network, data, **options)
    if not _is_learner(network):
        raise InputError(
            f"network: is of type {type(network).__name__}: must be a Network, or a learner such as discrete.SigProp"
        )
    from ctsigprop.library.layered import fit_learner

    _check_names(fit_learner, options)
    return fit_learner(network, data, **options)


def _is_learner(network: object) -> bool:
    """Whether it is a learner, of which there is none before that module is imported, and with it PyTorch."""
    module = sys.modules.get("ctsigprop.layered.learner")
    return module is not None and isinstance(network, module.Learner)


def _check_names(fitted: Any, options: dict[str, Any]) -> None:
    known = [name for name, one in signature(fitted).parameters.items() if one.kind == one.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise InputError(f"{name}: is no option of this family's fit: {nearest(name, known)}")
