"""Runs shared by several processes: each trains what no other holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ctsigprop.core.locks import wait_for_folder
from ctsigprop.errors import Busy
from ctsigprop.experiments.finishing import finish, is_finished
from ctsigprop.settings import AnySettings


def finish_all(runs: Mapping[Path, AnySettings], *, quiet: bool) -> Iterator[Path]:
    """Finish runs in order; leave those that another process trains to the last.

    Args:
        runs: settings by folder, as `is_finished` passed them.
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
