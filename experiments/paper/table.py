"""What all reproduced tables share: the paper's figures beside the measured ones, on the terminal and in files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ctsigprop.core.environment import environment
from ctsigprop.core.files import atomic, to_json, write_failures
from ctsigprop.experiments.cli.arguments import command_line
from ctsigprop.experiments.paper.hardware import Hardware

NOTHING = "-"
PATTERNS = ("table-*.json", "figure-3.json", "section-5.json", "loop-alignment.json", "hardware.json")
"""Names of the files that `write_table` writes."""


Figure = tuple[float, float | None]
"""A number and its ±, in the unit of its table or row."""


@dataclass(frozen=True)
class Row:
    """A row as the paper prints it.

    Attributes:
        key: its name in those of its runs.
        words: by heading, such as dataset.
        paper: the table's figures by column.
        missing: what stands where nothing is measured.
    """

    key: str
    words: Mapping[str, str]
    paper: Mapping[str, Figure]
    missing: str = NOTHING


@dataclass(frozen=True)
class Cell:
    """A figure of the paper beside the measured one, in the unit that the table's caption names.

    Attributes:
        measured: None where nothing has been measured (yet).
        paper: None where the paper prints none.
        spread: of what was measured, as the caption says.
        paper_spread: the paper's +-.
        digits: after the decimal point.
        missing: what stands where nothing is measured.
    """

    measured: float | None = None
    paper: float | None = None
    spread: float | None = None
    paper_spread: float | None = None
    digits: int = 2
    missing: str = NOTHING

    def __str__(self) -> str:
        """Such as "1.69 ± 0.02 [1.71 ± 0.03]", the paper's in brackets."""
        measured = self.missing if self.measured is None else self._number(self.measured, self.spread)
        return measured if self.paper is None else f"{measured} [{self._number(self.paper, self.paper_spread)}]"

    def _number(self, value: float, spread: float | None) -> str:
        return f"{value:.{self.digits}f}" + ("" if spread is None else f" ± {spread:.{self.digits}f}")


Line = Mapping[str, Cell | str | float]
"""A row of a measured table, by column: a cell, a word or a number."""


@dataclass(frozen=True)
class Table:
    """A table of the paper, measured.

    Attributes:
        name: such as table-6: of the reproduction and of its files.
        caption: what the figures are, with their unit and what a spread is.
        columns: headings; a row may leave some out.
        rows: a line each.
        differences: what was cut against the paper or chosen where it is silent.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Line]
    differences: Sequence[str] = ()


def command_of(name: str, scale: str, output: Path, hardware: Hardware) -> str:
    """Return the command that makes a table again."""
    options = {"scale": scale, **hardware.flags, "output": output}
    return command_line(options, "reproduce", name, flags=tuple(options))


def write_table(output: Path, table: Table, extra: Mapping[str, Any]) -> None:
    """Write <name>.json, with the machine that writes it unless `extra` has another, and <name>.md.

    Args:
        output: folder of both, made where it is missing.
        table: as far as it is measured.
        extra: further fields of the JSON: command, settings, seeds, seconds and whatever else the table rests on.

    Raises:
        RunFailure: the folder cannot be written.
    """
    report = {
        "table": table.name,
        "caption": table.caption,
        "machine": environment(),
        **extra,
        "differences": table.differences,
        "columns": table.columns,
        "rows": [{column: _plain(value) for column, value in row.items()} for row in table.rows],
        "texts": _texts(table)[1:],
    }
    with write_failures(output):
        output.mkdir(parents=True, exist_ok=True)
    texts = {"json": to_json(report, indent=1), "md": to_markdown(table)}
    for suffix, text in texts.items():
        with atomic(output / f"{table.name}.{suffix}") as file:
            file.write(f"{text}\n".encode())


def print_table(table: Table) -> None:
    """Caption, aligned rows and differences, on standard output."""
    rows = _texts(table)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(table.caption)
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    for difference in table.differences:
        print(f"differs from the paper: {difference}")


def to_markdown(table: Table) -> str:
    """Return the table in Markdown, its differences as a list below it."""
    heading, *rows = ("| " + " | ".join(row) + " |" for row in _texts(table))
    lines = [table.caption, "", heading, "|---" * len(table.columns) + "|", *rows]
    if table.differences:
        lines += ["", "Differences from the paper:", "", *(f"- {difference}" for difference in table.differences)]
    return "\n".join(lines)


def _texts(table: Table) -> list[list[str]]:
    """Return the headings, then a list of words for each row."""
    return [list(table.columns), *([str(row.get(column, NOTHING)) for column in table.columns] for row in table.rows)]


def _plain(value: Any) -> Any:
    if not isinstance(value, Cell):
        return value
    shown = ("digits", "missing")
    return {name: number for name, number in asdict(value).items() if name not in shown and number is not None}
