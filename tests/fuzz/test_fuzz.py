"""Hostile inputs of every kind: each command ends with an exit status, one line, and nothing lost or half-written.

CTSIGPROP_FUZZ=1000 tries as many inputs, anew each time; left out, some that are always the same.
"""

import contextlib
import copy
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from ctsigprop.runs.folder import META
from ctsigprop.settings import FAMILIES
from ctsigprop.settings.config import groups, names

Damage = Callable[[Path], None]
Attack = Callable[[Sequence[str], Damage, int], int]
Draw = st.DrawFn

LONG = int(os.environ.get("CTSIGPROP_FUZZ", "0"))
SURFACES = 8
RUNS = tuple(FAMILIES)

WORDS = st.text(st.characters(exclude_characters="/", codec="utf-8"), max_size=12)
NUMBERS = [-1, 0, 1, 2, 3, 2**31, 2**63, 10**19, 10**400, 0.0, -0.0, 0.5, 1e-320, 1e-9, 1e308, -1e308]
FLAT = st.sampled_from(
    [
        *(None, True, False, *NUMBERS, float("inf"), float("nan"), "", "1", "null", "nan", "1e3", "\0", "\x1b[31m"),
        *("\ud800", "a" * 3000, "~nobodyxyz/x", "../..", "pipe", "continuous", "auto", "🙂", "no\nline", "%s{0}"),
    ]
)
NESTED = st.recursive(
    FLAT | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
VALUES = (NESTED | st.sampled_from([[0] * 5000, {}, [], [[[[[[[[1]]]]]]]]])).map(copy.deepcopy)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside one."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


@st.composite
def changed(draw: Draw, value: Any) -> Any:
    """A value of JSON or YAML with some values inside it replaced, removed, repeated or added."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 2))):
        found = list(places(value))
        if not found or draw(st.integers(0, 24)) == 0:
            return draw(VALUES)
        *way, key = draw(st.sampled_from(found))
        holder = value
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "replace", "replace", "remove", "add", "nest"])):
            case "replace":
                holder[key] = draw(VALUES)
            case "remove":
                del holder[key]
            case "nest":
                holder[key] = [holder[key]]
            case "add" if isinstance(holder, list):
                holder.insert(key, draw(VALUES) if draw(st.booleans()) else holder[key])
            case "add":
                holder[draw(WORDS)] = draw(VALUES)
    return value


ALIASES = b"a: &a [1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]"
HOSTILE = st.sampled_from(
    [
        *(b"", b"\0" * 99, b"[" * 100_000, b'{"a":' * 5000, b"\xff\xfe", b"9" * 5000, b"PK\x03\x04", b"null", b"{}"),
        *(b"- " * 900, b"a: &a [*a]", b"? ? ? ?", b"!!python/object:os.system {}", b"a: 1\na: 2", b"\xef\xbb\xbf"),
        *(b"%YAML 9.9", b"NaN", ALIASES),
    ]
)


@st.composite
def damaged(draw: Draw, content: bytes) -> bytes:
    """Bytes that a disk, a transfer or a stranger has changed."""
    match draw(st.sampled_from(["cut", "flip", "insert", "twice", "other"])):
        case "cut":
            return content[: draw(st.integers(0, len(content)))]
        case "flip":
            whole = bytearray(content)
            for place in draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=8)) if content else ():
                whole[place] = draw(st.integers(0, 255))
            return bytes(whole)
        case "insert":
            place = draw(st.integers(0, len(content)))
            return content[:place] + draw(st.binary(max_size=20) | HOSTILE) + content[place:]
        case "twice":
            return content + content[draw(st.integers(0, len(content))) :]
        case _:
            return draw(HOSTILE)


@st.composite
def rewritten(draw: Draw, path: Path) -> bytes:
    """A file with other values in the form that it has, or damaged bytes of it."""
    content = path.read_bytes()
    if draw(st.integers(0, 2)) == 0:
        return draw(damaged(content))
    match path.suffix:
        case ".json":
            return json.dumps(draw(changed(json.loads(content)))).encode()
        case ".jsonl":
            rows = draw(changed([json.loads(line) for line in content.splitlines()]))
            return "".join(json.dumps(row) + "\n" for row in (rows if isinstance(rows, list) else [rows])).encode()
        case ".yaml":
            return yaml.safe_dump(draw(changed(yaml.safe_load(content))), sort_keys=False).encode("utf-8", "replace")
        case _:
            return draw(damaged(content))


@st.composite
def replaced(draw: Draw, world: Path, names: Sequence[str]) -> Damage:
    """Puts something else under one of the names: a changed file, or what is no file of its kind at all."""
    name = draw(st.sampled_from(sorted(names)))
    kind = draw(st.sampled_from([*["content"] * 12, "none", "pipe", "folder", "loop", "device", "link out", "sparse"]))
    content = draw(rewritten(world / name)) if kind == "content" else b""

    def damage(place: Path) -> None:
        path = place / name
        path.unlink()
        match kind:
            case "content":
                path.write_bytes(content)
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case "loop":
                path.symlink_to(path.name)
            case "device":
                path.symlink_to("/dev/zero")
            case "link out":
                (place.parent / "secret").write_bytes((world / name).read_bytes())
                path.symlink_to(place.parent / "secret")
            case "sparse":
                with path.open("wb") as file:
                    file.truncate(1 << 40)

    return damage


@st.composite
def other_arrays(draw: Draw, path: Path) -> dict[str, Any]:
    """Arrays of an NPZ file, some of them of another type, shape, name or content."""
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file)
    for name in draw(st.lists(st.sampled_from(sorted(arrays)), min_size=1, max_size=2, unique=True)):
        array = arrays.pop(name)
        match draw(st.sampled_from(["type", "shape", "content", "name", "none", "flat", "values", "values"])):
            case "type":
                kind = draw(st.sampled_from(["U", "S", "O", "c16", "f2", "f4", "f8", "?", "i1", "u8", "M8[s]", "V8"]))
                with contextlib.suppress(ValueError, TypeError), np.errstate(all="ignore"):
                    arrays[name] = array.astype(kind)
            case "shape":
                part = draw(st.sampled_from([np.newaxis, ..., slice(0), slice(1), slice(None, None, 2)]))
                arrays[name] = np.atleast_1d(array)[part]
            case "content":
                numbers = [-1, np.nan, np.inf, 1e30, 0]
                arrays[name] = np.where(array == array.flat[:1], draw(st.sampled_from(numbers)), array)
            case "name":
                arrays[draw(st.sampled_from(["../x", "", "a" * 300, "frames", "x_train", "labels"]))] = array
            case "flat":
                arrays[name] = array.ravel()
            case "values" if name == META:
                meta = draw(changed(json.loads(array.tobytes())))
                arrays[name] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
            case "values":
                arrays[name] = np.asarray(draw(st.sampled_from([0, [], [[1]], "text", 10**400, True, 1e308])))
    return arrays


@st.composite
def archives(draw: Draw, world: Path, names: Sequence[str]) -> Damage:
    """Changes an NPZ file."""
    if draw(st.integers(0, 2)) == 0:
        return draw(replaced(world, names))
    name = draw(st.sampled_from(sorted(names)))
    arrays, packed = draw(other_arrays(world / name)), draw(st.booleans())
    return lambda place: (np.savez_compressed if packed else np.savez)(place / name, **arrays)


@st.composite
def hostile_flags(draw: Draw) -> list[str]:
    """A command line with words that do not belong there."""
    family = draw(st.sampled_from(RUNS))
    lines = [
        ["train", "--config", f"{family}.yaml", "--run-dir", "new", "--quiet"],
        ["train", "--resume", "--run-dir", family, "--quiet"],
        ["simulate", "continuous", "--samples", "1"],
        ["align", "continuous", "--samples", "9"],
        ["spikes", "spiking", "--samples", "1"],
        ["export", "spiking", "out.nir"],
        ["sweep", "sweep.yaml", "--output", "swept", "--quiet"],
        ["report", "continuous", "--output", "page.html"],
        ["reproduce", "figure-4", "--output", "out"],
        ["data", "verify", "mnist"],
        ["bench", "nothing"],
    ]
    line = draw(st.sampled_from(lines))
    shared = ["--resume", "--parallel", "--model", "--family", "--checkpoint", "--first", "--samples", "--events"]
    flags = [f"--{group}.{name}" for group in groups(family) for name in names(group, family)]
    texts = WORDS | st.sampled_from(
        [str(number)[:500] for number in NUMBERS] + ["[1,2]", "{}", "[", "-", "--", "~", "nan"]
    )
    texts |= st.sampled_from(["/dev/full", "/dev/null/x", "/proc/self/mem", "../..", ".", "continuous", "\udcff", "\0"])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(line)))
        flag = draw(st.sampled_from(flags)) if draw(st.booleans()) else draw(st.sampled_from(shared))
        match draw(st.sampled_from(["flag", "flag", "replace", "remove", "word"])):
            case "flag":
                line = [*line[:2], flag, draw(texts), *line[2:]]
            case "replace":
                line = [*line[:place], draw(texts), *line[place + 1 :]]
            case "remove":
                line = [*line[:place], *line[place + 1 :]]
            case "word":
                line = [*line[:place], draw(texts), *line[place:]]
    return line


def commands_over(family: str) -> list[list[str]]:
    """What reads a run."""
    resume = ["train", "--resume", "--run-dir", family, "--quiet"]
    more = {"continuous": ["simulate", "align"], "discrete": [], "spiking": ["spikes", "export"]}[family]
    last = {"align": ["--samples", "9"], "export": ["out.nir"]}
    others = [[name, family, *last.get(name, ["--samples", "1"])] for name in more]
    return [resume, [*resume, "--training.epochs", "3"], ["report", family, "--output", "page.html"], *others]


@st.composite
def attacks(draw: Draw, world: Path, surface: str) -> tuple[list[str], Damage]:
    """A command line and the damage that comes before it."""
    family = draw(st.sampled_from(RUNS))
    checkpoints = [f"{family}/checkpoint-{kind}.npz" for kind in ("last", "best")]
    match surface:
        case "settings":
            line = ["train", "--family", family, "--config", f"{family}.yaml", "--run-dir", "new", "--quiet"]
            return line, draw(replaced(world, [f"{family}.yaml"]))
        case "flags":
            return draw(hostile_flags()), lambda _: None
        case "metadata":
            with np.load(world / checkpoints[0]) as file:
                arrays: dict[str, Any] = dict(file)
            meta = json.dumps(draw(changed(json.loads(arrays.pop(META).tobytes()))))
            arrays[META] = np.frombuffer(meta.encode(), np.uint8)
            line = draw(st.sampled_from(commands_over(family)))
            return line, lambda place: np.savez(place / checkpoints[0], **arrays)
        case "checkpoints":
            return draw(st.sampled_from(commands_over(family))), draw(archives(world, checkpoints))
        case "records":
            records = [f"{family}/{name}" for name in ("config.yaml", "metrics.jsonl", "summary.json", "data.json")]
            return draw(st.sampled_from(commands_over(family))), draw(replaced(world, records))
        case "sweeps":
            inside = sorted(str(path.relative_to(world)) for path in (world / "swept").rglob("*") if path.is_file())
            line = ["sweep", "sweep.yaml", "--output", draw(st.sampled_from(["swept", "new"])), "--quiet"]
            return line, draw(replaced(world, ["sweep.yaml"] * draw(st.sampled_from([0, 9])) or inside))
        case "arrays":
            spikes = ["spikes", "spiking", "--samples", "1", "--events", "events.npz"]
            small = ["--training.epochs", "1", "--training.threads", "1", "--run-dir", "new", "--quiet"]
            tiny = ["--network.channels", "[2,2]", "--network.units", "4", *small]
            recordings = ["train", "--family", "spiking", "--data.events", "recordings", *tiny]
            own = ["train", "--data.file", "data.npz", "--network.hidden", "[4]", *small]
            files = {"events.npz": spikes, "recordings/train.npz": recordings, "data.npz": own}
            name = draw(st.sampled_from(sorted(files)))
            return files[name], draw(archives(world, [name]))
        case _:
            everything = [str(path.relative_to(world)) for path in world.rglob("*") if path.is_file()]
            return ["report", ".", "--output", "page.html"], draw(
                replaced(world, [name for name in everything if not name.endswith((".npz", ".lock"))])
            )


@pytest.mark.parametrize(
    "surface", ["settings", "flags", "metadata", "checkpoints", "records", "sweeps", "arrays", "reports"]
)
def test_a_hostile_input_ends_well(world: Path, attack: Attack, surface: str) -> None:
    @settings(
        max_examples=max(LONG, 40) // SURFACES,
        derandomize=not LONG,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(attacks(world, surface), st.sampled_from([1, 1, 1, 2, 12]))
    def try_one(tried: tuple[list[str], Damage], batch: int) -> None:
        arguments, damage = tried
        event(f"{surface}: exit status {attack(arguments, damage, batch)}")

    try_one()
