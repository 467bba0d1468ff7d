"""A network of the continuous family in training: what the training loop asks of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.diagnostics.change import changes
from ctsigprop.continuous.diagnostics.diagnosis import (
    lost_classes,
    refuse_lost_weights,
    require_stiff_outputs,
    warnings_of,
)
from ctsigprop.continuous.diagnostics.stability import loop_gain
from ctsigprop.continuous.epoch import Outputs, Tally, outputs_of, refuse_lost_states
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning import OPTIMIZERS, RULES, Optimizer, Rule
from ctsigprop.continuous.learning.averaging import TAKEN, take_into
from ctsigprop.continuous.learning.centre import Centre
from ctsigprop.continuous.learning.pace import Pace
from ctsigprop.continuous.learning.phases import Batch
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.samples import Samples
from ctsigprop.data import Dataset
from ctsigprop.data.augment import augmented
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.runs.metrics import MEASURED, PHASES
from ctsigprop.runs.rows import MetricsRow
from ctsigprop.settings import Settings

MEMORY = "memory"
CROPS = 1
"""Of a batch's seed, what augmentation is drawn from."""
GAIN_SAMPLES = 256
"""Training samples at whose equilibria the loop gain is measured."""

Places = NDArray[np.int64]
"""Places of a batch's samples in the training set."""


class ContinuousModel:
    """A network that learns from the contrast of its phases.

    Attributes:
        network: that learns.
        settings: of the run: solver, nudging, learning, seed and batch size.
        train: samples that are learned from.
        validation: samples that choose the best epoch.
        test: samples that judge it.
        memory: feeding-back states of every training sample's last free phase, (samples, units), where the next one
            begins there.
    """

    def __init__(
        self,
        network: Network,
        data: Dataset,
        settings: Settings,
        rule: Rule | None = None,
        optimizer: Optimizer | None = None,
        began: Mapping[str, Array] | None = None,
    ) -> None:
        """Put a network before its data.

        Args:
            network: changed in place by learning.
            data: of as many features and outputs as the network has.
            settings: of the run.
            rule: that of the settings by default.
            optimizer: that of the settings by default.
            began: weights that training began from, by connection; those of the network by default.
        """
        self.network, self.settings, self._shape = network, settings, data.shape
        if settings.training.augment != "none" and len(data.shape) < 2:
            raise InputError(f"training.augment = {settings.training.augment!r}: must be none, the data are no images")
        if settings.learning.centred and any(layer.shape for layer in network.layers[1:]):
            raise InputError("learning.centred = True: must be false with layers of images")
        require_stiff_outputs(network, settings.nudging)
        self.train, self.validation, self.test = (
            Samples.of(data, part, network) for part in (data.train, data.validation, data.test)
        )
        self.sweeps = LayerSweeps(network)
        kept = self.sweeps.size if settings.solver.start == "last" else 0
        self.memory = np.zeros((len(self.train), kept), network.dtype)
        self._rule = rule or RULES[settings.learning.rule]
        if settings.learning.centred and self._rule.within:
            raise InputError("learning.centred = True: must be false with a rule that moves weights within the phase")
        self._optimizer = optimizer or OPTIMIZERS[settings.learning.optimizer].make(settings.learning)
        self._began = {name: weight.copy() for name, weight in (began or network.weights).items()}
        self._mean = network.copy() if settings.learning.average else None
        self._evaluated = LayerSweeps(self._mean) if self._mean else self.sweeps
        self._centre = Centre.of(network) if settings.learning.centred else None
        self._averaged = sorted({place * self.batches // TAKEN for place in range(TAKEN)})

    @property
    def samples(self) -> int:
        """Training samples of an epoch."""
        return len(self.train)

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.train) // self.settings.training.batch_size)

    @property
    def measured(self) -> Sequence[str]:
        """What each row of metrics has, beside what those of every family have."""
        return PHASES

    def tally(self, **saved: Any) -> Tally:
        """The tally of an epoch, empty or as a checkpoint has saved it.

        Raises:
            InputError: it is of another network.
        """
        tally, outputs = Tally(**saved), self.network.sizes[-1]
        if len(tally.highest) not in (0, outputs) or not MEASURED["early"](tally.early):
            raise InputError(f"tally is not of {outputs} outputs and angles: train anew")
        counted = self.train.labels is None or (tally.errors == int(tally.errors) and tally.errors <= tally.samples)
        if not (counted and tally.errors >= 0):
            reason = "must be at least 0, and of classes at most the samples"
            raise InputError(f"tally: errors = {tally.errors}: {reason}: train anew")
        return tally

    @contextmanager
    def in_epoch(self, epoch: int, tally: Tally) -> Iterator[None]:
        """Refuse weights that are lost, after the batches of an epoch.

        Raises:
            RunFailure: a weight is no longer finite.
        """
        yield
        refuse_lost_weights(self.network, epoch)

    def of_epoch(self, epoch: int, tally: Tally) -> Iterator[tuple[int, tuple[int, int, Places]]]:
        """The batches that the tally has not counted yet; their order depends on seed and epoch alone.

        Yields:
            The number of each, and what `step` needs of it: epoch, first place in the epoch's order, samples.
        """
        training = self.settings.training
        order = np.random.default_rng([training.seed, epoch]).permutation(len(self.train))
        for start in range(tally.samples, len(self.train), training.batch_size):
            yield start // training.batch_size, (epoch, start, order[start : start + training.batch_size])

    def step(self, place: tuple[int, int, Places], tally: Tally) -> None:
        """Learn from a batch: a free phase, clamped phases, an update.

        Raises:
            RunFailure: a state is no longer finite.
        """
        epoch, start, rows = place
        settings, sweeps = self.settings, self.sweeps
        x = self._seen(rows, epoch, start)
        with _without_warnings():
            rng = np.random.default_rng([settings.training.seed, epoch, start + 1])
            last = sweeps.states_from(self.memory[rows]) if self.memory.size else sweeps.at_rest(len(rows))
            targets = self.train.targets[rows]
            how = settings.nudging, settings.solver, rng, last, settings.phases, settings.device
            batch = Batch.relaxed(sweeps, x, targets, *how)
            free = batch.free
            if settings.solver.start == "last":
                self.memory[rows] = sweeps.unknowns(free.states)
            factor = settings.learning.decay ** (epoch - 1)
            pace = Pace(self._optimizer, factor, settings.learning.weight_decay, rng, self._centre)
            rule = self._rule
            pair = rule.within(batch, rule, pace) if rule.within else rule.contrast(batch)
            refuse_lost_states(free, pair, settings, epoch, tally.samples)
            number = start // settings.training.batch_size
            if self._centre:
                self._centre.take(self.network.rates_of(free.states), (epoch - 1) * self.batches + number)
            if not rule.within:
                learn(self.network, x, pair, rule, pace)
        self._take_into_mean(epoch, number)
        tally.add(free, pair, self.train.errors(free.output, rows), settings.tolerance)

    def describe(self, tally: Tally) -> str:
        """The error so far."""
        unit = " %" if self.train.labels is not None else ""
        return f"train error {self.train.scale * tally.errors / tally.samples:.4g}{unit}"

    def evaluate(self, epoch: int, tally: Tally, history: Sequence[MetricsRow]) -> MetricsRow:
        """The epoch's row of metrics: errors, mean sweeps a sample, largest residuals."""
        settings = self.settings
        self._evaluated.network.deliver()
        with _without_warnings():
            validation, test = (
                outputs_of(
                    self._evaluated, part.inputs, settings.solver, phases=settings.phases, device=settings.device
                )
                for part in (self.validation, self.test)
            )
            gain = self._largest_gain()
        judged = Outputs.of([validation, test])
        row: MetricsRow = {
            "epoch": epoch,
            "train_error": self.train.scale * tally.errors / tally.samples,
            "validation_error": validation.error_of(self.validation),
            "test_error": test.error_of(self.test),
            "free_residual": tally.free_residual,
            "clamped_residual": tally.clamped_residual,
            "free_sweeps": tally.free_sweeps / tally.samples,
            "clamped_sweeps": tally.clamped_sweeps / tally.samples,
            "unconverged": tally.unconverged,
            "judged_unconverged": judged.unconverged,
            "judged_residual": judged.residual,
            "moved": tally.moved / tally.samples,
            "loop_gain": gain,
            "changes": changes(self.network, self._began),
            "angles": {},
            "warnings": warnings_of(tally, judged, gain, settings, lost_classes(validation, self.validation)),
        }
        if self.train.labels is None:
            row["regression"] = True
        return row

    def state(self) -> dict[str, Array]:
        """All arrays that resuming needs, by name."""
        parameters = self.network.parameters()
        arrays = parameters | self._optimizer.state(parameters)
        if self.memory.size:
            arrays[MEMORY] = self.memory
        if self._mean:
            arrays |= {f"mean {name}": array for name, array in self._mean.parameters().items()}
        if self._centre:
            arrays |= self._centre.state()
        return arrays

    def like(self) -> dict[str, Array]:
        """Arrays that a checkpoint must have: all of them."""
        return self.state()

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Take over arrays of `state`."""
        self.network.load(arrays)
        if self.memory.size:
            self.memory[...] = arrays[MEMORY]
        self._optimizer.load_state(arrays)
        if self._mean:
            self._mean.load({name: arrays[f"mean {name}"] for name in self._mean.parameters()})
        if self._centre:
            self._centre.load_state(arrays)

    def weights(self) -> dict[str, Array]:
        """Weights and biases that predictions are made by: of their running mean, if there is one."""
        return self._evaluated.network.parameters()

    def _seen(self, rows: Places, epoch: int, start: int) -> Array:
        """Inputs of training samples, augmented as seed, epoch and the first place of the batch decide."""
        training, x = self.settings.training, self.train.inputs[rows]
        if training.augment == "none":
            return x
        layer = self.network.layers[0]
        images = layer.images(x) if layer.shape else x.reshape(len(x), *self._shape)
        rng = np.random.default_rng([training.seed, epoch, start + 1, CROPS])
        return layer.in_order(augmented(images, training.augment, rng).reshape(x.shape))

    def _take_into_mean(self, epoch: int, number: int) -> None:
        if self._mean and number in self._averaged:
            often = len(self._averaged)
            taken = (epoch - 1) * often + self._averaged.index(number)
            take_into(self._mean, self.network, taken, self.settings.learning.average * often)

    def _largest_gain(self) -> float:
        few = self.train.inputs[:GAIN_SAMPLES]
        free = relax(self.sweeps, self.sweeps.drive(few), self.sweeps.at_rest(len(few)), self.settings.solver)
        try:
            return float(loop_gain(self.sweeps, free.states).max())
        except np.linalg.LinAlgError as error:
            raise RunFailure("the loop gain is no longer finite: lower learning.rates and train anew") from error


def _without_warnings() -> np.errstate:
    """For what may overflow: what becomes of it is refused in a sentence."""
    return np.errstate(over="ignore", invalid="ignore")
