"""`ctsigprop simulate`: both phases of chosen test samples of a trained run, integrated in time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctsigprop.analysis.measures.time_courses import Conditions, TimeCourses, time_courses
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.analysis.plots.time_courses import Shown, time_course_figure
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.trained import load_trained
from ctsigprop.core.files import atomic
from ctsigprop.core.threads import set_threads
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.arguments import named_run, whole_number
from ctsigprop.experiments.cli.flags import Values, check_used, merged
from ctsigprop.experiments.cli.parser import OF_SIMULATE
from ctsigprop.runs import RunFolder
from ctsigprop.settings import Settings
from ctsigprop.settings.checks import MOST as LARGEST_SEED
from ctsigprop.settings.config import settings_from, to_values, to_yaml
from ctsigprop.solvers import METHODS

OF_PHASES = {"noise", "loop_delay"}
"""What a device does to phases; the rest it does to the network."""
SAMPLES, MOST = 3, 100
SHOWN = 4  # numbers of a regression in a line
DEFAULT_METHOD = "dopri5"
OF_THE_SWEEPS = "max_sweeps"  # that find the fixed points with which the ends of the phases are compared
RECORD = "time-courses.npz"


def command(options: Mapping[str, Any]) -> None:
    """Writes figures/time-course-I.png for each sample I and time-courses.npz, and prints a line a sample.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: no such run, a checkpoint, setting or number that cannot be used, or a method without time.
        RunFailure: the integration broke off, or the folder cannot be written.
    """
    run = named_run("simulate", options)
    settings = _settings(run, {group: options[group] for group in OF_SIMULATE if group in options})
    set_threads(settings.training.threads)
    trained = load_trained(run)
    test, network = trained.data.test, trained.network
    first = whole_number(options, "first", 0, 0, len(test) - 1)
    count = whole_number(options, "samples", SAMPLES, 1, min(MOST, len(test) - first))

    chosen = test.rows(slice(first, first + count))
    samples = Samples.of(trained.data, chosen, network)
    courses = time_courses(
        LayerSweeps(network),
        samples.inputs,
        samples.targets,
        settings.nudging.beta,
        settings.solver,
        Conditions(settings.phases, settings.device, whole_number(options, "seed", 0, 0, LARGEST_SEED)),
    )
    rates = network.rates_of(courses.states)
    outputs = rates[-1]
    record: dict[str, Any] = {
        "times": courses.times,
        "nudged": courses.nudged,
        **{f"layer{layer}": states for layer, states in enumerate(courses.states, start=1)},
        "outputs": outputs,
        "residual": courses.residual,
        **_energies(courses),
        "targets": samples.targets,
        **({} if samples.labels is None else {"labels": samples.labels}),
        "samples": np.arange(first, first + count),
        "settings": to_yaml(settings),
    }
    with atomic(run.figures / RECORD) as file:
        np.savez_compressed(file, **record)

    states = courses.states[-1][len(courses.free.times) - 1]
    made_by = f"{settings.solver.method}, weights after epoch {trained.epoch} of {run.path.name}"
    for place in range(count):
        outcome = f"test sample {first + place}: {_outcome(samples, states, place)}"
        label = None if samples.labels is None else int(samples.labels[place])
        shown = Shown(chosen.picture(place), label, f"{outcome}\n{made_by}", samples.targets[place])
        path = _draw(courses, rates, place, shown, settings, run.figures / f"time-course-{first + place}.png")
        print(f"{outcome}, {_rests(courses, place)}: {path}")
    print(f"states in time: {run.figures / RECORD}")


def _outcome(samples: Samples, states: Array, place: int) -> str:
    """What the outputs say of a sample at the end of its free phase, beside what they should."""
    if samples.labels is not None:
        return f"label {samples.labels[place]}, predicted {states[place].argmax()}"
    targets, found = (", ".join(f"{value:.3g}" for value in row[place][:SHOWN]) for row in (samples.targets, states))
    return f"target {targets}, predicted {found}" + (", ..." if states.shape[1] > SHOWN else "")


def _draw(
    courses: TimeCourses, rates: Sequence[Array], place: int, shown: Shown, settings: Settings, path: Path
) -> Path:
    beta, tolerance = settings.nudging.beta, settings.solver.tolerance
    with styled():
        return save(time_course_figure(courses, rates, place, shown, beta=beta, tolerance=tolerance), path)


def _settings(run: RunFolder, given: Values) -> Settings:
    """The run's own settings with those given on top; dopri5 where the run used sweeps.

    Raises:
        InputError: sweeps are asked for, or a setting is wrong or of no use here.
    """
    for group, name in (("nudging", "kind"), ("solver", "start"), ("phases", "window")):
        if name in given.get(group, {}):
            reason = "simulate starts from rest, nudges with +beta and averages nothing"
            raise InputError(f"{group}.{name}: {reason}: leave it out")
    if built := sorted(given.get("device", {}).keys() - OF_PHASES):
        raise InputError(f"device.{built[0]}: the network of a run is as it was built: leave it out")
    trained = run.settings_of(Settings)
    own = to_values(trained)
    if trained.solver.sweeps:
        own["solver"]["method"] = DEFAULT_METHOD
    settings = settings_from(merged(own, given))
    if settings.solver.sweeps:
        raise InputError(
            f"solver.method = {settings.solver.method!r}: sweeps have no time: must be one of {', '.join(METHODS)}"
        )
    in_time = {name: value for name, value in given.get("solver", {}).items() if name != OF_THE_SWEEPS}
    check_used(
        {"solver": in_time} | {group: given[group] for group in ("phases", "device") if group in given}, settings
    )
    return settings


def _energies(courses: TimeCourses) -> dict[str, Array]:
    """The energy of both phases, where there is one."""
    phases = [course.energy for course in (courses.free, courses.clamped) if course.energy is not None]
    return {"energy": np.concatenate(phases)} if phases else {}


def _rests(courses: TimeCourses, place: int) -> str:
    """When each phase rests, and how far both ends are from what sweeps find."""
    phases = {"free": courses.free, "clamped": courses.clamped}
    rests = [
        f"{name} phase never at rest"
        if np.isnan(course.rest[place])
        else f"{name} phase at rest after {course.rest[place]:.1f}"
        for name, course in phases.items()
    ]
    miss = max(course.miss[place] for course in phases.values())
    return f"{', '.join(rests)}, within {miss:.0e} of the fixed points of the sweeps"
