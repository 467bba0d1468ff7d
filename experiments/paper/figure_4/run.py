"""`ctsigprop reproduce figure-4`: trains what is missing, and reports anew after each run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ctsigprop.analysis.measures.alignment import angles
from ctsigprop.analysis.measures.probe import probe
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.continuous.training import draw
from ctsigprop.core.files import atomic, to_json, write_failures
from ctsigprop.core.locks import one_at_a_time
from ctsigprop.data import Dataset, dataset_of
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.experiments.paper.figure_4.claims import AngleClaim, all_claims, in_words
from ctsigprop.experiments.paper.figure_4.drawing import angles_figure
from ctsigprop.experiments.paper.figure_4.gradient import gradient_figure
from ctsigprop.experiments.paper.figure_4.plan import DIFFERENCES, PAPER, plan
from ctsigprop.experiments.paper.figure_4.series import (
    ANGLES,
    MEASURES,
    MeasuredRun,
    Random,
    all_series,
    random_weights,
)
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.experiments.paper.scheduling import begin, finish_all
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.runs.rows import Measured
from ctsigprop.settings import Settings

RANDOM_SEEDS = range(1000, 1020)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Bring every run of the plan to its end, then print the claims.

    Args:
        scale: smoke or full.
        output: folder of the report and, in runs/, of the runs; made where it is missing.
        hardware: that trains; NumPy needs no device.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    planned = plan(scale, hardware.threads)
    folders = {one: output / "runs" / one.label for one in planned}
    runs = {folder: one.settings for one, folder in folders.items()}
    finished = begin(output, runs)
    data = dataset_of(planned[0].settings.data)
    print(f"{finished} of {len(planned)} runs finished; drawing networks of random weights", flush=True)
    networks = {_sizes(one.settings, data): one.settings for one in planned}
    random = [one for network, settings in networks.items() for one in random_of(network, settings, data)]
    found: dict[str, MeasuredRun] = {}

    def report() -> list[AngleClaim]:
        """Of the runs that are finished by now, whoever trained them."""
        with write_failures(output), one_at_a_time(output):
            for one, folder in folders.items():
                if one.label not in found and is_finished(folder, one.settings):
                    found[one.label] = measured_run(folder, one, data)
            return _report(output, scale, planned, found, random)

    if 0 < finished < len(planned):
        report()
    for _ in finish_all(runs, quiet=quiet):
        report()
    print_claims(report())
    print(f"in {output}: figure-4.png, figure-4.pdf, gradient.png, and every number in figure-4.json")


def print_claims(claims: Sequence[AngleClaim]) -> None:
    """One block for each of the paper's sentences, one line for each measure and set of runs."""
    width = max(map(len, MEASURES))
    for sentence in dict.fromkeys(claim.claim for claim in claims):
        print(sentence)
        for claim in claims:
            if claim.claim == sentence:
                holds = "yes" if claim.holds else "no"
                print(f"  {holds:<5}{claim.measure:<{width}}  {', '.join(claim.on)}: {in_words(claim)}")


def _report(
    output: Path,
    scale: str,
    planned: Sequence[Planned[Settings]],
    found: Mapping[str, MeasuredRun],
    random: Sequence[Random],
) -> list[AngleClaim]:
    """Draw the finished runs and write figure-4.json."""
    runs = [found[one.label] for one in planned if one.label in found]
    series = all_series(runs)
    claims = all_claims(runs, series, random)
    with styled():
        figure = angles_figure(runs, series, random)
        for suffix in ("png", "pdf"):
            save(figure, output / f"figure-4.{suffix}")
        save(gradient_figure(runs), output / "gradient.png")
    report = {
        "figure": "Fig. 4",
        "scale": scale,
        "differences": DIFFERENCES[scale],
        "paper": PAPER,
        "angles": ANGLES,
        "missing": [one.label for one in planned if one.label not in found],
        "runs": [_described(run) for run in runs],
        "claims": [_judged(claim) for claim in claims],
        "random_weights": [asdict(one) for one in random],
        "series": [asdict(one) for one in series],
        "gradient": [
            {"run": run.label, "epoch": row["epoch"], **row["probe"]["gradient"]} for run in runs for row in run.rows
        ],
    }
    with atomic(output / "figure-4.json") as file:
        file.write(_one_item_a_line(report).encode())
    return claims


def _judged(claim: AngleClaim) -> dict[str, object]:
    return {
        "claim": claim.claim,
        "measure": claim.measure,
        "runs": claim.on,
        "numbers": claim.numbers,
        "holds": claim.holds,
    }


def _described(run: MeasuredRun) -> dict[str, Any]:
    best, last = best_row(run.trained), run.trained[-1]
    return {
        "label": run.label,
        "network": run.network,
        "seed": run.seed,
        "fixed": run.fixed,
        "epochs": last["epoch"],
        "settings": f"runs/{run.label}/config.yaml",
        "best_epoch": best["epoch"],
        "best_validation_error": best["validation_error"],
        "test_error": best["test_error"],
        "train_error": last["train_error"],
    }


def measured_run(folder: Path, planned: Planned[Settings], data: Dataset) -> MeasuredRun:
    """Return a finished run, with what is measured of its network before the first update."""
    settings = planned.settings
    return MeasuredRun(
        label=planned.label,
        network=_sizes(settings, data),
        seed=settings.training.seed,
        fixed=next(iter(settings.learning.fixed), None),
        start=_untrained(settings, data, settings.training.seed),
        trained=RunFolder.open(folder).metrics(),
    )


def random_of(network: str, settings: Settings, data: Dataset) -> list[Random]:
    """Return what random weights have, of a network of these settings, though outputs may begin at 0 in it."""
    settings = replace(settings, network=replace(settings.network, output_gain=1.0))
    return random_weights(network, [_untrained(settings, data, seed) for seed in RANDOM_SEEDS])


def _untrained(settings: Settings, data: Dataset, seed: int) -> Measured:
    """Measure a network before its first update as a run does after an epoch."""
    settings = replace(settings, training=replace(settings.training, seed=seed))
    network = draw(settings, data)
    samples = data.validation.rows(slice(settings.probe.samples))
    target = np.eye(data.classes, dtype=network.dtype)[samples.labels]
    found = probe(network, samples.inputs(network.dtype), target, settings)
    return {"epoch": 0, "angles": angles(network), "probe": found}


def _sizes(settings: Settings, data: Dataset) -> str:
    """Such as 784-1500-1500-10."""
    return "-".join(map(str, (data.features, *settings.network.hidden, data.classes)))


def _one_item_a_line(report: Mapping[str, Any]) -> str:
    """JSON in which each item of the report's lists has a line of its own."""
    fields = []
    for name, value in report.items():
        listed = isinstance(value, list | tuple)
        text = "[\n" + ",\n".join(f"  {to_json(item)}" for item in value) + "\n ]" if listed else to_json(value)
        fields.append(f" {to_json(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"
