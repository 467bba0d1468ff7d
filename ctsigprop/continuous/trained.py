"""A trained run, brought back from its folder: settings, data, weights."""

from dataclasses import dataclass

from ctsigprop.continuous.epoch import Outputs, outputs_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.training import initial_network
from ctsigprop.data import Dataset, Split, dataset_of
from ctsigprop.runs import RunFolder
from ctsigprop.runs.data_record import check_data
from ctsigprop.settings import Settings


@dataclass(frozen=True, eq=False)
class Trained:
    """What a run made.

    Attributes:
        settings: of the run.
        data: what it learned from.
        network: with the weights of a checkpoint.
        epoch: epochs of training behind it; of a run that was stopped within one, with its fraction.
        initial: the network before its first update.
    """

    settings: Settings
    data: Dataset
    network: Network
    epoch: float
    initial: Network

    def outputs(self, part: Split) -> Outputs:
        """Outputs at the ends of free phases of some of the data."""
        settings, inputs = self.settings, Samples.of(self.data, part, self.network).inputs
        sweeps, solver = LayerSweeps(self.network), settings.solver
        return outputs_of(sweeps, inputs, solver, phases=settings.phases, device=settings.device)

    def __repr__(self) -> str:
        return f"Trained({self.settings.title}, epoch {self.epoch:g})"


def load_trained(run: RunFolder, checkpoint: str = "best", data: Dataset | None = None) -> Trained:
    """Load a run's data and one of its checkpoints.

    Args:
        run: its folder.
        checkpoint: best, last, or epoch-K for an epoch of training.keep.
        data: of the run; what the settings name by default.

    Raises:
        InputError: the data are not those that the run learned; the checkpoint is missing, corrupt or of another
            network, or holds values that are not finite.
        RunFailure: the dataset is not here, and its download failed.
    """
    settings = run.settings_of(Settings)
    data = data or dataset_of(settings.data)
    check_data(run, data)
    initial = initial_network(run, settings, data)
    network = initial.copy()
    arrays, meta = run.load_checkpoint(checkpoint, like=network.parameters(), keys=("epoch",))
    network.load(arrays)
    within = meta.get("tally", {}).get("samples", 0)
    epoch = meta["epoch"] + within / len(data.train) if within else meta["epoch"]
    return Trained(settings, data, network, epoch, initial)
