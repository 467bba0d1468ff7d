"""The page as one HTML text that needs no network: styles, script, charts and figures inside it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ctsigprop import __version__
from ctsigprop.core.files import to_json
from ctsigprop.experiments.paper.figure_4.claims import in_words as numbers_in_words
from ctsigprop.experiments.paper.figure_4.series import MEASURES
from ctsigprop.experiments.report import album, chart, paper
from ctsigprop.experiments.report.columns import Column, SortedText, columns
from ctsigprop.experiments.report.gather import MOST_DETAILED, Found, Reproduction, Sweep
from ctsigprop.experiments.report.measured_table import MeasuredTable
from ctsigprop.experiments.report.run import Run
from ctsigprop.experiments.report.summary_table import over_seeds
from ctsigprop.settings import FAMILIES, MADE_IN_PYTHON, AnySettings
from ctsigprop.settings.config import FAMILY, family_of, to_values

BUDGET = 4_500_000
DEFAULTS = {kind: to_values(kind()) for kind in (*FAMILIES.values(), *MADE_IN_PYTHON.values())}


@dataclass(frozen=True)
class Entry:
    """A run in a table of runs.

    Attributes:
        number: of the run on the page.
        run: the run.
        cells: what each column shows.
        state: what is left to do, in a sentence; empty for a finished run.
        changed: name, value and default of every setting that is not at its default.
        yaml: all settings.
        machine: where and with what it ran, in a sentence.
        charts: its curves.
        detailed: whether the last four are on the page.
        words: what a filter looks in.
    """

    number: int
    run: Run
    cells: tuple[tuple[Column, SortedText], ...]
    state: str
    changed: tuple[tuple[str, str, str], ...]
    yaml: str
    machine: str
    charts: tuple[chart.Chart, ...]
    detailed: bool
    words: str


@dataclass(frozen=True)
class Group:
    """Runs that stand in one table."""

    title: str
    entries: tuple[Entry, ...]
    folded: bool


def page(found: Found, folders: Sequence[Path], budget: int = BUDGET) -> str:
    """The page of all that was found.

    Args:
        found: what it shows.
        folders: where that was looked for.
        budget: bytes that figures may fill the page up to; without figures it may be larger.
    """
    every = list(found.every_run())
    numbers = {run.path: number for number, run in enumerate(every, start=1)}
    style, script = (Markup(_resource(name)) for name in ("page.css", "page.js"))
    content: dict[str, Any] = {
        "budget": f"{budget / 1e6:.1f}",
        "columns": columns(),
        "count": in_words(found),
        "date": date.today().isoformat(),
        "figures": sum(len(one.figures) for one in (*found.reproduced, *found.sweeps, *every)),
        "folders": folders,
        "found": found,
        "groups": _groups(found, numbers),
        "measures": MEASURES,
        "numbers": numbers,
        "paper": [(published, paper.measured(published, every)) for published in paper.PAPER],
        "policy": f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        "script": script,
        "style": style,
        "version": __version__,
    }
    template = _environment().get_template("page.html.j2")
    figures = album.in_order(found, [run for run in every[:MOST_DETAILED] if run.detailed])
    content["refused"] = {path: reason for path in figures if (reason := album.refusal(path))}
    bare = len(_encodable(template.render(content, images={})).encode())
    return _encodable(template.render(content, images=album.embedded(figures, budget - bare)))


def _encodable(text: str) -> str:
    """The text, with escapes for what is no character, as in names of files that are no UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def in_words(found: Found) -> str:
    """Such as "7 runs, 1 sweep of 60 points"."""
    parts = []
    if found.runs:
        parts.append(_count(len(found.runs), "run"))
    if found.sweeps:
        points = sum(len(sweep.points) for sweep in found.sweeps)
        parts.append(f"{_count(len(found.sweeps), 'sweep')} of {_count(points, 'point')}")
    if found.reproduced:
        runs = sum(len(reproduction.runs) for reproduction in found.reproduced)
        parts.append(f"{_count(len(found.reproduced), 'reproduction')} of {_count(runs, 'run')}")
    if found.broken:
        parts.append(f"{_count(len(found.broken), 'folder')} that cannot be read")
    return ", ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _groups(found: Found, numbers: Mapping[Path, int]) -> list[Group]:
    """Runs of their own in an open table, those of a reproduction or a sweep in a folded one each."""
    titled = [
        ("Runs of their own", found.runs, False),
        *((f"Runs of {one.name}", one.runs, True) for one in found.reproduced),
        *((f"Points of {one.name}", one.points, True) for one in found.sweeps),
    ]
    return [
        Group(f"{title} ({len(runs)})", tuple(_entry(run, numbers[run.path]) for run in runs), folded)
        for title, runs, folded in titled
        if runs
    ]


def _entry(run: Run, number: int) -> Entry:
    cells = tuple((column, column.cell(run)) for column in columns())
    changed = _changed(run.settings) if run.settings else ()
    detailed = run.detailed and number <= MOST_DETAILED
    state = _state(run)
    words = [run.name, *(cell.text for _, cell in cells), *(f"{name}={value}" for name, value, _ in changed)]
    return Entry(
        number=number,
        run=run,
        cells=cells,
        state=state,
        changed=changed,
        yaml=_yaml(run.settings) if run.settings and detailed else "",
        machine=_machine(run.summary),
        charts=tuple(chart.charts(run.rows)) if detailed else (),
        detailed=detailed,
        words=" ".join([*words, "unfinished" if state else "finished"]),
    )


def _state(run: Run) -> str:
    if run.finished:
        return ""
    if run.outcome is None:
        return "Unfinished: no epoch has ended yet."
    return f"Unfinished: {run.outcome.epochs} of {run.planned or 'an unknown number of'} epochs have ended."


def _changed(settings: AnySettings) -> tuple[tuple[str, str, str], ...]:
    defaults = DEFAULTS[type(settings)]
    return tuple(
        (f"{group}.{name}", _shown(value), _shown(defaults[group].get(name)))
        for group, content in to_values(settings).items()
        for name, value in content.items()
        if value != defaults[group].get(name)
    )


def _yaml(settings: AnySettings) -> str:
    """All settings, as `--config` takes them."""
    family, values = family_of(settings), to_values(settings)
    groups = (
        "\n".join([f"{group}:", *(f"  {name}: {to_json(value)}" for name, value in content.items())])
        for group, content in values.items()
    )
    return "\n".join([f"{FAMILY}: {family}", *groups])


def _shown(value: object) -> str:
    """A value as a flag takes it."""
    return value if isinstance(value, str) else to_json(value)


def _machine(summary: Mapping[str, Any]) -> str:
    """Processor, threads, versions and revision, as far as a summary tells."""
    parts = [str(summary[name]) for name in ("cpu", "platform") if summary.get(name)]
    if isinstance(threads := summary.get("threads"), int):
        parts.append(_count(threads, "thread"))
    packages = summary.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    parts += [f"{name} {version}" for name, version in {"Python": summary.get("python"), **versions}.items() if version]
    if summary.get("git_revision"):
        parts.append(f"revision {str(summary['git_revision'])[:12]}")
    return ", ".join(parts)


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_resource),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "anchor": _anchor,
        "difference": paper.difference,
        "meaning": album.in_words,
        "numbers": numbers_in_words,
        "published": paper.published_range,
        "table": over_seeds,
    }
    environment.globals |= {
        "box": chart,
        "judged": paper.judged,
        "most_detailed": MOST_DETAILED,
    }
    return environment


def _anchor(folder: Sweep | Reproduction | MeasuredTable) -> str:
    return "in-" + sha256(str(folder.path).encode()).hexdigest()[:8]


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a content security policy calls this text, so that no other style or script is applied."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
