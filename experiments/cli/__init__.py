"""The command line: a file for each command."""

from ctsigprop.experiments.cli.entry import main

__all__ = [
    "main",
]
