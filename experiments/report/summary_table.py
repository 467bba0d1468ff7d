"""A sweep's summary.csv as a reader wants it: mean and standard deviation in one cell."""

from ctsigprop.experiments.report.columns import NOTHING
from ctsigprop.experiments.report.gather import Sweep

MEAN, DEVIATION = "_mean", "_sd"


def over_seeds(sweep: Sweep) -> tuple[list[str], list[list[str]]]:
    """Header and rows: the swept settings and the number of points as they are, every X_mean with its X_sd as X."""
    header, *rows = sweep.table
    regression = any(run.outcome is not None and run.outcome.regression for run in sweep.points)
    of_errors = ".4g" if regression else ".2f"
    names = [name for name in header if not name.endswith(DEVIATION)]
    return [name.removesuffix(MEAN).replace("_", " ") for name in names], [
        [_cell(name, dict(zip(header, row, strict=False)), of_errors) for name in names] for row in rows
    ]


def _cell(name: str, row: dict[str, str], of_errors: str) -> str:
    if not name.endswith(MEAN):
        return row.get(name, "")
    pattern = of_errors if "error" in name else ".1f"
    mean, deviation = (_number(row.get(name.removesuffix(MEAN) + kind, ""), pattern) for kind in (MEAN, DEVIATION))
    return (mean or NOTHING) + (f" \N{PLUS-MINUS SIGN} {deviation}" if mean and deviation else "")


def _number(text: str, pattern: str) -> str:
    """The number rounded; nothing where there is none."""
    try:
        return f"{float(text):{pattern}}"
    except ValueError:
        return ""
