"""A free phase in time, beside SciPy and torchdiffeq on the same equations, at equal error.

The network is 64-128-128-10 with a learned loop, Glorot-uniform weights and rho(s) = sigma(4 s - 2); a batch of
100 runs from zero to t = 20. The error is that of the trajectory at 81 times against SciPy's DOP853 at 1e-12,
as a root mean square over times, samples and neurons. SciPy's RK45 at a tolerance of 1e-6 sets the error that
all have to reach; every other contestant takes the loosest tolerance that does. The solves that are timed go to
the end without intermediate times, in turns.

SciPy knows float64 alone. It takes part twice: with its field in NumPy, in place and without copies, and with the
compiled field that ctsigprop integrates itself. On more threads than one, ctsigprop shares the batch out among
Python threads, which its compiled engine leaves free to run; the others thread their matrix products.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from ctsigprop.benchmarks.free_phase import (
    CLASSES,
    END,
    FEATURES,
    HIDDEN,
    Phase,
    Solve,
    compiled_field,
    numpy_field,
    our_solve,
    scipy_solve,
    torch_solve,
)
from ctsigprop.continuous.network import Array
from ctsigprop.core.environment import environment
from ctsigprop.core.threads import cores, set_threads

TIMES = np.linspace(0.0, END, 81)
TOLERANCE = 1e-6
TOLERANCES = tuple(TOLERANCE * 10 ** (-k / 16) for k in range(-8, 17))
EQUAL = 1.02
REPEATS, FEWEST, BUDGET_SECONDS = 21, 3, 120.0


@dataclass
class Contestant:
    """One way to integrate the phase, and what it took.

    Attributes:
        name: solver and field.
        precision: floating-point type of the state.
        threads: that it may use.
        solve: runs it.
        pools: threads of the numerical libraries' own pools while it runs.
        finest: the smallest tolerance that it takes.
        seconds: of every timed solve.
    """

    name: str
    precision: str
    threads: int
    solve: Solve
    pools: int
    finest: float = 0.0
    seconds: list[float] = field(default_factory=list)


def run(quick: bool = False) -> dict[str, Any]:
    """Measure every contestant.

    Args:
        quick: ten samples, one thread and three repeats, to see that the benchmark runs.

    Raises:
        InputError: torch or torchdiffeq is not installed.
        RunFailure: a solve failed.
    """
    samples, repeats = (10, 3) if quick else (100, REPEATS)
    thread_counts = [1] if quick else sorted({1, cores()})
    set_threads(1)
    double, single = Phase.of("float64", samples), Phase.of("float32", samples)
    reference, _ = scipy_solve(double, "DOP853", compiled_field(double), 1e-12, TIMES)
    contestants = [made for threads in thread_counts for made in contest(single, double, threads)]

    target = error_of(contestants[0], TOLERANCE, reference)[0]
    tolerances = [tolerance_for(each, target, reference) for each in contestants]
    time_in_turns(contestants, tolerances, repeats)
    rows = [row_of(each, tolerance, reference) for each, tolerance in zip(contestants, tolerances, strict=True)]
    ours = {(row["precision"], row["threads"]): row["milliseconds"] for row in rows if row["name"] == "ctsigprop"}
    for row in rows:
        row["to_float32"] = row["milliseconds"] / ours["float32", row["threads"]]
        row["to_float64"] = row["milliseconds"] / ours["float64", row["threads"]]
    sizes = [FEATURES, *HIDDEN, CLASSES]
    return {"sizes": sizes, "samples": samples, "end": END, "rows": rows, **environment()}


def time_in_turns(contestants: Sequence[Contestant], tolerances: Sequence[float], repeats: int) -> None:
    """Time every contestant's solve to the end so many times, after one round of warming up."""
    begun = time.perf_counter()
    for repeat in range(repeats + 1):
        if repeat > FEWEST and time.perf_counter() - begun > BUDGET_SECONDS:
            break
        for each, tolerance in zip(contestants, tolerances, strict=True):
            set_threads(each.pools)
            started = time.perf_counter()
            each.solve(tolerance, None)
            if repeat:
                each.seconds.append(time.perf_counter() - started)
    set_threads(1)


def table(figures: dict[str, Any]) -> str:
    """The figures as text, a line for each contestant."""
    columns = {
        "threads": "threads",
        "evaluations": "evaluations",
        "rms error": "rms_error",
        "max error": "max_error",
        "final rms": "final_rms_error",
        "ms": "milliseconds",
        "/ our f32": "to_float32",
        "/ our f64": "to_float64",
    }
    sizes = "-".join(str(units) for units in figures["sizes"])
    lines = [f"free phase of {sizes}, {figures['samples']} samples, to t = {figures['end']:g}, at equal rms error"]
    lines.append(f"{'':<32}" + "".join(f"{title:>12}" for title in columns))
    for row in figures["rows"]:
        name = f"{row['name']}, {row['precision']}"
        lines.append(f"{name:<32}" + "".join(f"{row[key]:>12.3g}" for key in columns.values()))
    return "\n".join(lines)


def contest(single: Phase, double: Phase, threads: int) -> list[Contestant]:
    """Everyone who takes part on so many threads, SciPy with its own kind of field first."""
    numpy_solve = partial(scipy_solve, double, "RK45", numpy_field(double))
    same_field = partial(scipy_solve, double, "RK45", compiled_field(double))
    return [
        Contestant("SciPy RK45, NumPy field", "float64", threads, numpy_solve, threads),
        Contestant("SciPy RK45, our field", "float64", threads, same_field, threads),
        *(
            Contestant("torchdiffeq dopri5", phase.network.dtype.name, threads, torch_solve(phase), threads)
            for phase in (double, single)
        ),
        Contestant("ctsigprop", "float64", threads, our_solve(double, threads), 1),
        Contestant("ctsigprop", "float32", threads, our_solve(single, threads), 1, finest=TOLERANCE),
    ]


def error_of(contestant: Contestant, tolerance: float, reference: Array) -> tuple[float, float, float, int]:
    """Root mean square and largest error of the trajectory, root mean square at the end, and evaluations."""
    set_threads(1)
    states, evaluations = contestant.solve(tolerance, TIMES)
    difference = states - reference
    rms, final = (float(np.sqrt(np.mean(np.square(part)))) for part in (difference, difference[-1]))
    return rms, float(np.abs(difference).max()), final, evaluations


def tolerance_for(contestant: Contestant, target: float, reference: Array) -> float:
    """The loosest tolerance at which the contestant's error is no larger than the target, or its finest."""
    candidates = [tolerance for tolerance in TOLERANCES if tolerance >= contestant.finest]
    for tolerance in candidates:
        if error_of(contestant, tolerance, reference)[0] <= EQUAL * target:
            return tolerance
    return candidates[-1]


def row_of(contestant: Contestant, tolerance: float, reference: Array) -> dict[str, Any]:
    """What the table and the figures say of a contestant."""
    rms, largest, final, evaluations = error_of(contestant, tolerance, reference)
    return {
        "name": contestant.name,
        "precision": contestant.precision,
        "threads": contestant.threads,
        "tolerance": tolerance,
        "evaluations": evaluations,
        "rms_error": rms,
        "max_error": largest,
        "final_rms_error": final,
        "milliseconds": 1e3 * median(contestant.seconds),
        "fastest_milliseconds": 1e3 * min(contestant.seconds),
    }
