"""Which process trains which stages: runs of neighbours, so that the slowest process is as fast as can be."""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from ctsigprop.discrete.parallel.launch import Place
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner
from ctsigprop.settings import DiscreteSettings, require_whole
from ctsigprop.settings.discrete import UNLOCKED


def balanced(costs: Sequence[float], parts: int) -> list[range]:
    """The stages of each part: all of them in order, at least one a part, the costliest part as cheap as possible.

    Args:
        costs: of the stages, in any unit.
        parts: how many, from one to as many as there are stages.
    """
    sums = [0.0, *accumulate(costs)]
    least = list(sums)  # of the parts so far, up to a stage: what their costliest one costs
    cuts: list[list[int]] = []
    for part in range(1, parts):
        worst = [float("inf")] * len(sums)
        cut = [0] * len(sums)
        for end in range(part + 1, len(sums)):
            cut[end] = min(range(part, end), key=lambda place: max(least[place], sums[end] - sums[place]))
            worst[end] = max(least[cut[end]], sums[end] - sums[cut[end]])
        least = worst
        cuts.append(cut)
    ends = [len(costs)]
    for cut in reversed(cuts):
        ends.append(cut[ends[-1]])
    ends.append(0)
    ends.reverse()
    return [range(start, end) for start, end in pairwise(ends)]


def check_rule(settings: DiscreteSettings, processes: int) -> None:
    """Passes settings whose stages need nothing from those that come after them.

    Args:
        settings: of the run.
        processes: how many shall train.

    Raises:
        InputError: the learning rule locks its layers, or there is no process.
    """
    require_whole("--parallel layers", processes, 1)
    rule, generator = settings.learning.algorithm, settings.target.generator
    if processes > 1 and rule not in UNLOCKED:
        allowed = f"needs layers that learn one by one: {', '.join(UNLOCKED)}"
        raise InputError(f"learning.algorithm = {rule!r}: --parallel {allowed}: leave --parallel out")
    if processes > 1 and rule == "sp" and generator.startswith("target-loop"):
        raise InputError(
            f"target.generator = {generator!r}: feeds the last layer back to the first, which locks the layers: "
            "leave --parallel out, or choose target-only or target-input"
        )


def check_size(place: Place | None, processes: int) -> None:
    """Passes a number of processes that is the one that torchrun started, where it did.

    Args:
        place: that torchrun gave this process; None without it.
        processes: how many shall train.

    Raises:
        InputError: it is another.
    """
    if place is not None and place.size != processes:
        raise InputError(f"--parallel layers = {processes}: must be {place.size}, the processes that torchrun started")


def check_stages(learner: Learner, processes: int) -> None:
    """Passes a learner that has a stage for every process.

    Raises:
        InputError: there are more processes than stages.
    """
    stages = len(learner.stages)
    if processes > stages:
        raise InputError(f"--parallel layers = {processes}: must be at most {stages}, the stages of the network")


def name_of(learner: Learner, stages: range) -> str:
    """What the stages of a process are called: layer 3 to layer 5."""
    first, last = learner.stages[stages[0]].name, learner.stages[stages[-1]].name
    return first if first == last else f"{first} to {last}"
