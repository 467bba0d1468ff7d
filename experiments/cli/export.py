"""`ctsigprop export`: a trained spiking network as a NIR file."""

from collections.abc import Mapping
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.arguments import named_run, output_file
from ctsigprop.spiking.trained import load_trained

ENDING = ".nir"


def command(options: Mapping[str, Any]) -> None:
    """Writes the network of a run's best epoch, and prints where.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: no such run, a file that cannot be meant, or a network that NIR cannot represent.
        RunFailure: the folder cannot be written; the training set, whose statistics the file has, is not here and its
            download failed.
    """
    from ctsigprop.spiking.nir.graph import write_graph

    run = named_run("export", options)
    name = options.get("file")
    if name is None or not name.endswith(ENDING):
        raise InputError(f"export: {name or 'nothing'} is no name of a NIR file: give one that ends in {ENDING}")
    path = output_file(name, "export")
    trained = load_trained(run)
    write_graph(trained.network, path, trained.scale)
    print(f"weights after epoch {trained.epoch} of {run.path.name}: {path}")
