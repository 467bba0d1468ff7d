"""What Table V must show, as checks on numbers: every error in percent."""

from collections.abc import Mapping
from functools import partial

from ctsigprop.experiments.paper.claims import Claim, Errors, at_most, increasing, judged
from ctsigprop.experiments.paper.tables.table_5_plan import MODELS

BOUNDS = {
    "mnist": {"sp-surrogate": 1.3, "sp-voltage": 3.0, "bp-surrogate": 1.0},
    "fashion-mnist": {"sp-surrogate": 10.0, "sp-voltage": 11.2, "bp-surrogate": 7.5},
}
ORDER = ("bp-surrogate", "sp-surrogate", "sp-voltage", "shallow")


def all_claims(errors: Mapping[str, Errors]) -> list[Claim[float]]:
    """Judge every claim whose cells are all measured.

    Args:
        errors: by row.
    """
    claims = []
    for row, bounds in BOUNDS.items():
        for model, bound in bounds.items():
            claim = f"{MODELS[model]} is at most {bound:.1f} %"
            claims += judged(claim, row, errors, (model,), partial(at_most, bound))
        claims += judged("shallow errs most", row, errors, ORDER, lambda *all_four: all_four[-1] > max(all_four[:-1]))
        claims += judged(" < ".join(MODELS[model] for model in ORDER), row, errors, ORDER, increasing)
    return claims
