"""Metrics as TensorBoard event files."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import time

from ctsigprop.errors import InputError
from ctsigprop.runs.folder import EVENTS
from ctsigprop.runs.rows import MetricsRow


@contextmanager
def event_writer(folder: Path, *, enabled: bool) -> Iterator[Callable[[MetricsRow], None]]:
    """Yield a function that writes every number of a row of metrics at its epoch; one that does nothing if disabled.

    Raises:
        InputError: tensorboard is not installed.
    """
    if not enabled:
        yield lambda row: None
        return
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise InputError(
            "training.tensorboard = True: TensorBoard is not installed: pip install 'ctsigprop[tensorboard]'"
        ) from error
    writer = EventFileWriter(str(folder / EVENTS))

    def write(row: MetricsRow) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in _flat(row)]
        writer.add_event(Event(wall_time=time(), step=row["epoch"], summary=Summary(value=values)))
        writer.flush()

    try:
        yield write
    finally:
        writer.close()


def _flat(row: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            yield prefix + name, float(value)
