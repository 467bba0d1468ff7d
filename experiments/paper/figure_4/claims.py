"""What the paper says of Fig. 4, as checks on numbers (Sec. V-B and the caption of Fig. 4).

Each function judges one sentence by one measure. The paper puts no number on "converges before" and "similar":
each function states its threshold, and each claim carries its numbers.
"""

from collections.abc import Mapping, Sequence

from ctsigprop.analysis.measures.angle import Angle
from ctsigprop.experiments.paper.claims import Claim, Quantities
from ctsigprop.experiments.paper.figure_4.series import FIRST, LOOP, MEASURES, MeasuredRun, Random, Series, by_angle

BELOW = "every angle ends below 90 degrees, by more than its error bar and than the spread of random weights"
SOONEST = "the loop's angle converges first"
LEAST = "the first hidden layer is the least aligned"
SIMILAR = "a fixed loop reaches similar angles"

BAR = " +- {error_bar:.1f}"  # over samples
WORDS = {
    BELOW: "{degrees:.1f}" + BAR + " (random +- {random_spread:.1f})",
    SOONEST: "{converged_at_epoch:.2f}",
    LEAST: "{degrees:.1f}" + BAR,
    SIMILAR: "{fixed_less_learned:+.1f}",
}
UNITS = {
    BELOW: "degrees",
    SOONEST: "epochs to 90 % of the way",
    LEAST: "degrees",
    SIMILAR: "degrees, fixed less learned",
}

CONVERGED = 0.9  # of the way from where an angle began to where it ended
ALIKE = 10.0  # degrees


AngleClaim = Claim[Quantities]
"""Its numbers are by angle."""


def all_claims(runs: Sequence[MeasuredRun], series: Sequence[Series], random: Sequence[Random]) -> list[AngleClaim]:
    """Judge every claim by all measures on all finished runs.

    The first on every run; the second and third where everything learns; the last on each pair of runs of equal
    network and seed, one with a learned and one with a fixed loop.
    """
    claims: list[AngleClaim] = []
    for measure in MEASURES:
        taken = {run.label: by_angle(series, run.label, measure) for run in runs}
        spreads = {
            run.network: {one.angle: one for one in random if (one.network, one.measure) == (run.network, measure)}
            for run in runs
        }
        judged = [run for run in runs if taken[run.label]]
        everything = [run for run in judged if run.fixed is None]
        claims += [
            *(ends_below(taken[run.label], spreads[run.network]) for run in judged if spreads[run.network]),
            *(loop_first(taken[run.label]) for run in everything),
            *(first_layer_least(taken[run.label]) for run in everything),
            *(
                fixed_is_similar(taken[run.label], taken[other.label])
                for run in everything
                for other in judged
                if other.fixed == "loop" and (other.network, other.seed) == (run.network, run.seed)
            ),
        ]
    return claims


def ends_below(angles: Mapping[str, Series], random: Mapping[str, Random]) -> AngleClaim:
    """Judge whether 90 degrees less the last angle exceed the SD over samples and that of random weights.

    Args:
        angles: a run's series of one measure, by angle.
        random: of random weights of the same network and measure, by angle.
    """
    numbers = {}
    for angle, one in angles.items():
        numbers[angle] = {
            "degrees": one.degrees[-1],
            "below_90": 90 - one.degrees[-1],
            "error_bar": one.error_bar,
            "random_mean": random[angle].mean,
            "random_spread": random[angle].standard_deviation,
        }
    holds = all(found["below_90"] > max(found["error_bar"], found["random_spread"]) for found in numbers.values())
    return _judged(BELOW, angles, numbers, holds)


def loop_first(angles: Mapping[str, Series]) -> AngleClaim:
    """Judge whether the loop's angle goes 90 % of its way no later than any other.

    See `convergence`; its resolution is that of the points: whole epochs for signals.
    """
    numbers = {
        angle: {"start": one.degrees[0], "end": one.degrees[-1], "converged_at_epoch": convergence(one)}
        for angle, one in angles.items()
    }
    times = {angle: found["converged_at_epoch"] for angle, found in numbers.items()}
    return _judged(SOONEST, angles, numbers, times[LOOP] == min(times.values()))


def first_layer_least(angles: Mapping[str, Series]) -> AngleClaim:
    """Judge whether the angle of W12 ends as the largest."""
    numbers = {angle: {"degrees": one.degrees[-1], "error_bar": one.error_bar} for angle, one in angles.items()}
    ends = {angle: one.degrees[-1] for angle, one in angles.items()}
    others = max(end for angle, end in ends.items() if angle != FIRST)
    return _judged(LEAST, angles, numbers, ends[FIRST] > others)


def fixed_is_similar(learned: Mapping[str, Series], fixed: Mapping[str, Series]) -> AngleClaim:
    """Judge whether all angles of two runs end within 10 degrees, or within the larger of their error bars."""
    numbers = {}
    for angle, one in learned.items():
        other = fixed[angle]
        numbers[angle] = {
            "learned": one.degrees[-1],
            "fixed": other.degrees[-1],
            "fixed_less_learned": other.degrees[-1] - one.degrees[-1],
            "allowed": max(ALIKE, one.error_bar, other.error_bar),
        }
    holds = all(abs(found["fixed_less_learned"]) <= found["allowed"] for found in numbers.values())
    return _judged(SIMILAR, learned, numbers, holds, fixed)


def convergence(series: Series) -> float:
    """Return the epoch at which the angle has first gone CONVERGED of its way, on straight lines between points.

    An angle that ends where it began has converged when it began.
    """
    start, end = series.degrees[0], series.degrees[-1]
    if start == end:
        return series.epochs[0]
    gone = [(degrees - start) / (end - start) for degrees in series.degrees]
    last = next(place for place, part in enumerate(gone) if part >= CONVERGED)
    part = (CONVERGED - gone[last - 1]) / (gone[last] - gone[last - 1])
    return series.epochs[last - 1] + part * (series.epochs[last] - series.epochs[last - 1])


def in_words(claim: AngleClaim) -> str:
    """Return the numbers that decide it, such as "W31 53.7, W23 66.5, W12 82.1 degrees"."""
    pattern = WORDS[claim.claim]
    if claim.measure == "matrices":
        pattern = pattern.replace(BAR, "")
    angles = (f"{Angle.parse(angle).matrix} {pattern.format(**found)}" for angle, found in claim.numbers.items())
    return f"{', '.join(angles)} {UNITS[claim.claim]}"


def _judged(
    claim: str,
    angles: Mapping[str, Series],
    numbers: Mapping[str, Quantities],
    holds: bool,
    *others: Mapping[str, Series],
) -> AngleClaim:
    runs = tuple(found[LOOP].run for found in (angles, *others))
    return Claim(claim, numbers, holds, runs, angles[LOOP].measure)
