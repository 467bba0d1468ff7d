"""`ctsigprop export`: a trained spiking network as a NIR file."""

from collections.abc import Mapping
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.arguments import named_run, output_file, whole_number
from ctsigprop.spiking.trained import load_trained

ENDING = ".nir"
BITS = (8, 2, 16)
"""The usual, the least, the most."""


def command(options: Mapping[str, Any]) -> None:
    """Writes the network of a run's best epoch, and prints where; with --bits, in whole numbers.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: no such run, a file that cannot be meant, or a network that NIR cannot represent.
        RunFailure: the folder cannot be written; the data, whose statistics the file has, are not here and their
            download failed.
    """
    from ctsigprop.spiking.integers import integer_network
    from ctsigprop.spiking.nir.graph import write_graph

    run = named_run("export", options)
    name = options.get("file")
    if name is None or not name.endswith(ENDING):
        raise InputError(f"export: {name or 'nothing'} is no name of a NIR file: give one that ends in {ENDING}")
    path = output_file(name, "export")
    bits = whole_number(options, "bits", *BITS) if "bits" in options else None
    trained = load_trained(run)
    network = trained.network if bits is None else integer_network(trained.network, bits)
    errors = () if bits is None else (trained.error(network), trained.error(trained.network))
    write_graph(network, path, trained.scale | ({} if bits is None else {"bits": bits}))
    print(f"weights after epoch {trained.epoch} of {run.path.name}: {path}")
    if bits is not None:
        print("test error with integers of {} bits: {:.2f} %; in float32: {:.2f} %".format(bits, *errors))
