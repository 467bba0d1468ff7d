"""`training.precision: auto`: what each processor makes of it, and that a run keeps it on any other."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from ctsigprop.core import environment
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.training import train
from ctsigprop.errors import InputError
from ctsigprop.experiments.finishing import finish, is_finished
from ctsigprop.experiments.sweeps.folder import SweepFolder
from ctsigprop.experiments.sweeps.specification import Point
from ctsigprop.layered.precision import fastest, in_bfloat16
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DataSettings, DiscreteSettings
from ctsigprop.settings.discrete import DiscreteNetworkSettings, DiscreteTrainingSettings

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SETTINGS = DiscreteSettings(
    DataSettings("digits", limit=60),
    DiscreteNetworkSettings(hidden=(8,)),
    training=DiscreteTrainingSettings(epochs=2, batch_size=20, threads=1, precision="auto"),
)
XEON_4, XEON, ARM, OLD_ARM = (
    "processor\t: 0\nmodel name\t: Xeon\nflags\t\t: sse2 avx512f amx_bf16 avx512_bf16 amx_tile\n",
    "processor\t: 0\nmodel name\t: Xeon\nflags\t\t: sse2 avx2 avx512f avx512_vnni\n",
    "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\nCPU implementer\t: 0x41\n",
    "processor\t: 0\nFeatures\t: fp asimd\n",
)
Processor = Callable[[str | None], None]


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Processor]:
    """Has Linux tell of another processor; None: the system is not Linux."""

    def become(text: str | None) -> None:
        path = tmp_path / "cpuinfo"
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(text)
        monkeypatch.setattr(environment, "CPU", path)
        fastest.cache_clear()

    yield become
    fastest.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [(XEON_4, "bfloat16"), (XEON, "float32"), (ARM, "bfloat16"), (OLD_ARM, "float32")],
    ids=["xeon-4", "xeon", "arm", "old-arm"],
)
def test_a_processor_is_fast_in_bfloat16_where_it_has_the_instructions(
    processor: Processor, text: str, expected: str
) -> None:
    processor(text)
    assert fastest(CPU) == expected
    assert in_bfloat16("auto", CPU) is (expected == "bfloat16")
    assert in_bfloat16("bfloat16", CPU)
    assert not in_bfloat16("float32", CPU)


@pytest.mark.parametrize(("found", "expected"), [(True, "bfloat16"), (False, "float32"), (None, "float32")])
def test_where_the_system_does_not_tell_pytorch_is_asked(
    processor: Processor, monkeypatch: pytest.MonkeyPatch, found: bool | None, expected: str
) -> None:
    processor(None)
    if found is None:
        monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    else:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: found)
    assert fastest(CPU) == expected


@pytest.mark.parametrize(("found", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_is_asked_itself(
    processor: Processor, monkeypatch: pytest.MonkeyPatch, found: bool, expected: str
) -> None:
    processor(OLD_ARM if found else ARM)

    def supported(including_emulation: bool = True) -> bool:
        return including_emulation or found

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert fastest(GPU) == expected


@pytest.mark.parametrize(("here", "elsewhere"), [(XEON_4, XEON), (XEON, XEON_4)], ids=["bfloat16", "float32"])
def test_a_run_keeps_its_precision_on_another_processor(
    processor: Processor,
    stopping_before: Callable[..., Any],
    assert_same_run: Callable[[RunFolder, RunFolder], None],
    tmp_path: Path,
    here: str,
    elsewhere: str,
) -> None:
    processor(here)
    own = fastest(CPU)
    explicit = replace(SETTINGS, training=replace(SETTINGS.training, precision=own))
    with RunFolder.create(tmp_path / "run", SETTINGS) as run:
        with stopping_before(2), pytest.raises(KeyboardInterrupt):
            train(SETTINGS, run, quiet=True)
        assert run.settings() == explicit
        processor(elsewhere)
        assert fastest(CPU) != own
        train(SETTINGS, run, resume=True, quiet=True)
        assert run.settings() == explicit
    with RunFolder.create(tmp_path / "explicit", explicit) as undisturbed:
        train(explicit, undisturbed, quiet=True)
    assert_same_run(run, undisturbed)


def test_what_was_asked_for_is_what_runs_everywhere(processor: Processor, tmp_path: Path) -> None:
    """Reproductions and sweeps that leave the precision open go on with runs of either, and refuse other settings."""
    processor(XEON_4)
    one = replace(SETTINGS, training=replace(SETTINGS.training, epochs=1))
    finish(tmp_path / "run", one, quiet=True)
    processor(XEON)
    assert is_finished(tmp_path / "run", one)
    finish(tmp_path / "run", SETTINGS, quiet=True)
    assert is_finished(tmp_path / "run", SETTINGS)
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["training"]["precision"] == "bfloat16"
    other = replace(SETTINGS, training=replace(SETTINGS.training, precision="float32"))
    with pytest.raises(InputError, match=r"training\.precision = 'bfloat16', and needed is 'float32'"):
        is_finished(tmp_path / "run", other)

    folder = SweepFolder(tmp_path)
    (tmp_path / "points").mkdir()
    (tmp_path / "run").rename(folder.point("run"))
    folder.run(Point("run", {}, SETTINGS)).close()
    with pytest.raises(InputError, match="other settings than its name says"):
        folder.run(Point("run", {}, other))


def test_on_the_command_line(processor: Processor, ctsigprop: Callable[..., Any], tmp_path: Path) -> None:
    flags = ["--family", "spiking", "--network.channels", "[2,3]", "--network.units", "5", "--network.steps", "2"]
    flags += ["--data.limit", "40", "--training.epochs", "1", "--training.threads", "1", "--quiet", "--run-dir", "run"]
    auto = ["--training.precision", "auto"]
    processor(XEON)
    assert ctsigprop("train", *flags, *auto).status == 0
    assert "precision: float32" in (tmp_path / "run" / "config.yaml").read_text()
    processor(XEON_4)
    assert ctsigprop("train", "--resume", *flags, *auto).status == 0
    assert "precision: float32" in (tmp_path / "run" / "config.yaml").read_text()
    status, _, err = ctsigprop("train", "--resume", *flags, "--training.precision", "bfloat16")
    assert (status, "training.precision = 'bfloat16': the run in run has 'float32'" in err) == (2, True)


def test_a_learner_that_no_run_has_takes_the_faster_one(processor: Processor) -> None:
    learner = learner_for(SETTINGS, (8, 8), 10)
    assert learner.precision == "auto"
    for text, enabled in ((XEON_4, True), (XEON, False)):
        processor(text)
        with learner.autocast(CPU):
            assert torch.is_autocast_enabled("cpu") is enabled


def test_another_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"training\.precision = 'half': must be one of auto, float32, bfloat16"):
        DiscreteTrainingSettings(precision="half")  # type: ignore[arg-type]
