"""YAML of anybody's as values, and values as YAML: what is too large or too deep is refused before it is built."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from ctsigprop.errors import InputError

DEEPEST = 32
"""Lists and mappings inside one another; the file of a sweep has five."""
MOST_VALUES = 20_000
"""Keys and values of a text; what an alias repeats counts each time."""
WIDEST = 2**31 - 1
"""Characters of a line that libyaml takes."""

FLOAT = "tag:yaml.org,2002:float"
TIMESTAMP = "tag:yaml.org,2002:timestamp"


class TooLarge(InputError):
    """A text of which too much would be built."""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # PyYAML is not typed
    """PyYAML's safe loader, in which 1e-4 is a number (YAML 1.2), a date is text, and a key may be there once."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping.

        Raises:
            InputError: it holds a key twice, of which YAML would keep the last in silence.
        """
        names = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in names:
                raise InputError(f", line {key.start_mark.line + 1}: {name} is there twice: keep one")
            names.add(name)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # PyYAML is not typed
    """PyYAML's safe dumper, which quotes a text that `Loader` would read as a number."""


NUMBER = re.compile(
    r"""^(?:
     [-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
    |[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN)
    )$""",
    re.VERBOSE,
)
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (FLOAT, TIMESTAMP)]
    for first, resolvers in Loader.yaml_implicit_resolvers.items()
}
for _one in (Loader, Dumper):
    _one.add_implicit_resolver(FLOAT, NUMBER, list("-+0123456789."))


def written(value: Any) -> str:
    """The YAML text that `parsed` reads as this value of plain types, keys in their order."""
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False))


def written_on_one_line(value: Any) -> str:
    """The same in YAML's flow style, as a command line and a cell of a table hold it."""
    text = yaml.dump(value, Dumper=Dumper, sort_keys=False, default_flow_style=True, width=WIDEST)
    return str(text).removesuffix("...\n").strip()


def parsed(text: str, source: str) -> Any:
    """The value of a YAML text.

    Args:
        text: of one document.
        source: what holds it, in the words of a refusal.

    Raises:
        TooLarge: it holds more than MOST_VALUES values, or is deeper than DEEPEST.
        InputError: it is not YAML, or holds a key twice.
    """
    try:
        _check_size(text)
        return yaml.load(text, Loader)
    except InputError as error:
        raise type(error)(f"{source}{error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise InputError(f"{source}{where}: is not valid YAML ({problem}): mend the line") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:  # PyYAML's own: thousands of digits, !!bool x
        raise InputError(f"{source}: holds a value that cannot be read: mend it") from error


@dataclass
class _Open:
    """A list or mapping whose end has not come.

    Attributes:
        anchor: its name, if any.
        before: values that came before it.
        height: of what it holds so far.
    """

    anchor: str | None
    before: int
    height: int = 0


def _check_size(text: str) -> None:
    """Count the values of a text and how deep they are, with aliases expanded, and build nothing.

    Raises:
        TooLarge: there are too many, they are too deep, or one holds itself.
    """
    count, inside = 0, list[_Open]()
    named: dict[str | None, tuple[int, int]] = {}
    for event in yaml.parse(text, Loader):
        size, height = 1, 0
        match event:
            case yaml.CollectionStartEvent():
                inside.append(_Open(event.anchor, count))
            case yaml.CollectionEndEvent():
                ended = inside.pop()
                size, height = 0, ended.height + 1
                named[ended.anchor] = count - ended.before, height
            case yaml.ScalarEvent():
                named[event.anchor] = 1, 0
            case yaml.AliasEvent():
                if any(event.anchor == one.anchor for one in inside):
                    raise TooLarge(f", line {event.start_mark.line + 1}: {event.anchor} holds itself: mend the line")
                size, height = named.get(event.anchor, (1, 0))
            case _:
                continue
        count += size
        if inside:
            inside[-1].height = max(inside[-1].height, height)
        if len(inside) + height > DEEPEST:
            raise TooLarge(f", line {event.start_mark.line + 1}: is nested deeper than {DEEPEST}: mend the line")
        if count > MOST_VALUES:
            raise TooLarge(f", line {event.start_mark.line + 1}: holds more than {MOST_VALUES:,} values: shorten it")
