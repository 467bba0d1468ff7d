"""Layers in parallel: each process trains some of the stages, and hands on [h, t] without waiting for what follows.

What forward-pass unlocking buys (paper, Sec. III-B): a stage's update depends on nothing that comes after it, so it
can take the next batch while later stages are still at the last one. Every stage sees the same batches in the same
order and with the same weights as in one process; with as many threads in each process as that one has, its updates
are the same, bit for bit: how many share a sum decides how it is rounded.

Rank 0 makes the batches, trains the first stages, evaluates and writes the run folder. An epoch ends when all stages
have seen its last batch; their arrays are then gathered in rank 0.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, Self

from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.core.interrupt import stops
from ctsigprop.discrete.parallel.launch import launched
from ctsigprop.discrete.parallel.peers import LEFT, Peers
from ctsigprop.discrete.parallel.plan import DONE, Begun, Ended, Plan
from ctsigprop.discrete.parallel.signals import Lost, Outlet
from ctsigprop.discrete.parallel.split import balanced, check_rule, check_size, check_stages, name_of
from ctsigprop.discrete.parallel.start import joined, leave_nothing, started
from ctsigprop.discrete.training import model_for, placed_learner, train
from ctsigprop.errors import OUT_OF_MEMORY, CtsigpropError, is_out_of_memory
from ctsigprop.layered.batches import Batches
from ctsigprop.layered.cost import stage_seconds
from ctsigprop.layered.epoch import Count, Tally
from ctsigprop.layered.learner import Learner, Signal, Step
from ctsigprop.layered.model import LayeredModel
from ctsigprop.layered.precision import settled
from ctsigprop.layered.training import train_layers
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DiscreteSettings

TIMED = 3
"""Batches that are timed to share out the stages; the first of them does not count."""
RESUME = "go on with --resume"


def train_parallel(
    settings: DiscreteSettings, run: RunFolder, processes: int, *, resume: bool = False, quiet: bool = False
) -> dict[str, Any]:
    """Trains a network in a run folder as `train` does, its stages in several processes.

    Starts the other processes on this machine or, under torchrun, joins those that there are: this one must be its
    rank 0, the others call `follow`. `training.threads` are shared out among the processes of a machine.

    Args:
        settings: of the run.
        run: where checkpoints, metrics and summary go; any number of processes can go on with them.
        processes: how many train, from 1 to as many as there are stages.
        resume: go on from the last checkpoint.
        quiet: show no progress bar.

    Returns:
        The summary that was written.

    Raises:
        InputError: as `train`; a learning rule whose layers are locked, or more processes than stages.
        RunFailure: as `train`; or a process has ended, whose stages it names.
        KeyboardInterrupt: after the state was saved.
    """
    check_rule(settings, processes)
    check_size(launched(), processes)
    if processes == 1:
        return train(settings, run, resume=resume, quiet=quiet)
    settings = settled(settings, run)  # for all processes, whatever processor theirs is
    with Pipeline(model_for(settings, run), processes, lambda: run.checkpoint("last").exists()) as pipeline:
        return train_layers(pipeline, run, resume=resume, quiet=quiet)


def follow() -> None:
    """Trains the stages that rank 0 gives this process until the run ends: a process of torchrun, not of rank 0.

    Ctrl-C is rank 0's to obey, which stops all processes between two batches. Where the run fails, this process ends
    at once; rank 0 says why, or this one, if rank 0 is what was lost.

    Raises:
        InputError: the others cannot be reached.
    """
    for number in stops():
        signal.signal(number, signal.SIG_IGN)
    peers = joined()
    first = ""
    try:
        if message := peers.share():
            plan = Plan.unpack(message)
            first = plan.names[0]
            _train_stages(plan, peers)
        peers.leave()
    except Lost as lost:
        if lost.rank is not None:
            peers.note_lost(lost.rank)
        if lost.rank == 0 and not peers.failure():
            print(f"ctsigprop: error: {first} (process 0) ended: {RESUME}", file=sys.stderr)
        _end(LEFT)
    except CtsigpropError as error:
        peers.note_failure(str(error))
        _end(error.exit_status)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        peers.note_failure(OUT_OF_MEMORY)
        _end(1)


def _end(status: int) -> NoReturn:
    """Ends the process as it is: threads that wait for another process would not let the interpreter end in order."""
    leave_nothing()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Section(Learner):
    """The stages of one process: a learner that hands on what leaves the last of them."""

    def __init__(self, learner: Learner, part: range, outlet: Outlet | None) -> None:
        """A part of a learner, whose stages it shares.

        Args:
            learner: the whole one.
            part: numbers of the stages.
            outlet: to the process that has the next stages; None where there are none.
        """
        super().__init__([learner.stages[number] for number in part], learner.classes, learner.precision)
        self._begin, self._outlet = learner.begin, outlet

    def begin(self, inputs: Tensor, labels: Tensor) -> Signal:
        """The signal for the first stage of all; see `Learner.begin`."""
        return self._begin(inputs, labels)

    def steps(self, signal: Signal, labels: Tensor) -> list[Step]:
        """What training on a batch left behind; see `step_from`."""
        return self.step_from(signal, labels)[0]

    def step_from(self, signal: Signal, labels: Tensor) -> tuple[list[Step], Signal]:
        """As `Learner.step_from`; what leaves the last stage goes to the next process too."""
        steps, signal = super().step_from(signal, labels)
        if self._outlet is not None:
            self._outlet.send(signal, labels)
        return steps, signal

    def finish(self) -> None:
        """Says that no batch follows, and waits until the next process has all of them."""
        if self._outlet is not None:
            self._outlet.finish()


class Pipeline(LayeredModel):
    """Rank 0 of the processes that train a network's stages; the others are there within its `with` block."""

    def __init__(self, model: LayeredModel, processes: int, resumable: Callable[[], bool] = lambda: False) -> None:
        """Nothing is started yet: only a run that begins to train needs the others.

        Args:
            model: whose learner is trained.
            processes: how many train, this one included; at least 2.
            resumable: whether a run that fails now can be resumed.
        """
        super().__init__(model.learner, model.data, model.standard, model.settings)
        self._processes, self._resumable = processes, resumable
        self._peers: Peers | None = None
        self._plan: Plan | None = None
        self._idle = True

    def __enter__(self) -> Self:
        """Joins the processes of torchrun.

        Raises:
            InputError: they cannot be reached.
        """
        if launched() is not None:
            self._peers = joined()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Lets the other processes end; where the run has failed, ends them."""
        if self._peers is None:
            return
        if self._idle:
            with suppress(Lost):  # of a run that is done
                self._peers.share(DONE)
            self._peers.leave()
        else:
            self._peers.note_failure(str(error))
            self._peers.abandon()

    @contextmanager
    def in_epoch(self, epoch: int, tally: Tally) -> Iterator[None]:
        """As `LayeredModel.in_epoch`, by all processes; the learner has their arrays afterwards.

        Raises:
            InputError: there are more processes than stages.
            RunFailure: a loss is no longer finite, or a process has ended.
        """
        peers, plan = (self._peers, self._plan) if self._peers and self._plan else self._begun()
        self._idle = False
        try:
            peers.share(Begun(epoch, tally).pack())
            section = Section(self.learner, plan.parts[0], peers.outlet())
            with self._counting(section, epoch, tally):
                yield
            section.finish()
            others = [Ended.unpack(message) for message in peers.gather()]
        except Lost as error:
            remedy = RESUME if self._resumable() else "train anew"
            raise peers.ended(plan.names, remedy) from error
        _take_over(others, self.learner, tally)
        self._idle = True

    def _begun(self) -> tuple[Peers, Plan]:
        """Tells every process which stages are its own, and how they stand."""
        settings, processes = self.settings, self._processes
        assert isinstance(settings, DiscreteSettings)
        check_stages(self.learner, processes)
        self._peers = peers = self._peers or started(processes, settings.training.threads)
        peers.share_threads(settings.training.threads)
        self._plan = plan = _planned(self.learner, self.batched, settings, processes)
        try:
            peers.share(plan.pack())
            peers.device(settings)
            peers.gather()  # all have built their stages
        except Lost as error:
            raise peers.ended(plan.names, "train anew") from error
        return peers, plan


def _take_over(others: Sequence[Ended], learner: Learner, tally: Tally) -> None:
    """Puts together what the processes have at the end of an epoch; the last of them makes the prediction."""
    arrays = learner.arrays()
    for trained in others:
        arrays |= trained.arrays
        tally.losses |= trained.tally.losses
        tally.errors = trained.tally.errors
    learner.load_arrays(arrays)


def _planned(learner: Learner, batches: Batches, settings: DiscreteSettings, processes: int) -> Plan:
    shape = tuple(batches.images.shape[1:])
    twin = placed_learner(settings, shape, learner.classes).train()
    twin.decay_rates(0)  # it is timed alone: whatever the rates are, no loss is lost
    batch = next(batches.of_epoch(1))
    seconds = stage_seconds({"twin": twin}, [batch] * TIMED)["twin"].mean(axis=0)
    parts = balanced(seconds.tolist(), processes)
    names = [name_of(learner, part) for part in parts]
    return Plan(settings, shape, learner.classes, parts, names, learner.arrays())


def _train_stages(plan: Plan, peers: Peers) -> None:
    """What a process other than rank 0 does, epoch by epoch, until rank 0 says that none follows."""
    settings, part = plan.settings, plan.parts[peers.rank]
    device = peers.device(settings)
    peers.share_threads(settings.training.threads)
    learner = placed_learner(settings, plan.shape, plan.classes)
    learner.load_arrays(plan.arrays)
    inlet = peers.inlet(device)
    section = Section(learner, part, peers.outlet()).train()
    peers.gather()
    while message := peers.share():
        epoch, tally = Begun.unpack(message)
        section.decay_rates(settings.decay_of(epoch))
        count = Count(tally, section, epoch, device, settings.rates)
        for arrived, labels in inlet.signals():
            count.learn(partial(section.steps, arrived, labels), labels)
        count.read()
        section.finish()
        peers.gather(Ended(_arrays_of(learner, part), tally).pack())


def _arrays_of(learner: Learner, part: range) -> Mapping[str, NDArray[Any]]:
    """Those of a learner's arrays that are of some of its stages."""
    own = tuple(prefix for number in part for prefix in (f"stages.{number}.", f"{learner.stages[number].name}."))
    return {name: array for name, array in learner.arrays().items() if name.startswith(own)}
