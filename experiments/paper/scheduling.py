"""Runs shared by several processes: each trains what no other holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ctsigprop.core.files import write_failures
from ctsigprop.core.locks import wait_for_folder
from ctsigprop.errors import Busy
from ctsigprop.experiments.finishing import finish, is_finished
from ctsigprop.settings import AnySettings


def begin(output: Path, runs: Mapping[Path, AnySettings]) -> int:
    """Make the folder that runs stand in, and return how many of them are finished.

    Args:
        output: of a reproduction; its runs are in runs/.
        runs: settings by folder.

    Raises:
        InputError: a folder holds a run of other settings.
        RunFailure: the folder cannot be made.
    """
    with write_failures(output):
        (output / "runs").mkdir(parents=True, exist_ok=True)
    return sum(is_finished(folder, settings) for folder, settings in runs.items())


def finish_all(runs: Mapping[Path, AnySettings], *, quiet: bool) -> Iterator[Path]:
    """Finish runs in order; leave those that another process trains to the last.

    Args:
        runs: settings by folder, as `begin` passed them.
        quiet: show no progress bar.

    Yields:
        The folder of each run finished here.

    Raises:
        InputError: data or checkpoint that cannot be used.
        RunFailure: training failed, or the disk is full.
        KeyboardInterrupt: after the state was saved.
    """
    waiting = dict(runs)
    while waiting:
        held = {}
        for number, (folder, settings) in enumerate(runs.items(), start=1):
            if folder not in waiting or is_finished(folder, settings):
                continue
            print(f"run {number} of {len(runs)}: {folder.name}", flush=True)
            try:
                finish(folder, settings, quiet=quiet)
            except Busy:
                print("another process is training it: next", flush=True)
                held[folder] = settings
            else:
                yield folder
        waiting = held
        if waiting:
            wait_for_folder(next(iter(waiting)))
