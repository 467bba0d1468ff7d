"""Everything that a user can get wrong is one line that says what, and what to do, and touches no file."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.core.locks import lock_folder
from ctsigprop.experiments.cli import main

Refuse = Callable[..., None]

WORDS = [
    ("trian", "trian: no such command: did you mean train?"),
    ("xyz", "xyz: no such command: known are train, simulate"),
    ("train --network.hiden [3]", "--network.hiden: no such flag: did you mean --network.hidden?"),
    ("train --netwerk.hidden=[3]", "--netwerk.hidden: no such flag: did you mean --network.hidden?"),
    ("train --resum", "--resum: no such flag: did you mean --resume?"),
    ("train --epochs 3", "--epochs: no such flag: did you mean"),
    ("train --beta 0.5", "--beta: no such flag: did you mean --nudging.beta?"),
    ("train --training.rates [1]", "--training.rates: no such flag: did you mean --learning.rates?"),
    ("train --learning.optimiser adam", "--learning.optimiser: no such flag: did you mean --learning.optimizer?"),
    (
        "train --learning.optimizer adagrad",
        "learning.optimizer = 'adagrad': must be one of sgd, momentum, adam; one's own",
    ),
    ("align --lr 3", "--lr: no such flag: `ctsigprop align --help` lists all"),
    ("train --quiet=1", "--quiet = '1': takes no value"),
    ("train --training.epochs --quiet", "--training.epochs: needs a value"),
    ("--quiet train", "--quiet: comes before the command: give one of train, simulate"),
    ("train --training.epochs", "--training.epochs: needs a value"),
    ("train --run-dir", "--run-dir: needs a value"),
    ("train digits", "digits: one argument too many", "--GROUP.SETTING VALUE"),
    ("train --family left", "--family = left: must be one of continuous, discrete"),
    ("train --family discrete --nudging.beta 1", "--nudging.beta: no such flag"),
    ("train --family discrete --config digits", "family = continuous", "discrete"),
    ("train --family discrete --network.widen 0", "network.widen = 0", "greater than 0"),
    ("train --family discrete --target.size 5", "target.size = 5", "target.density = sparse"),
    ("train --family discrete --parallel two", "--parallel = two", "layers=2"),
    ("train --family discrete --learning.algorithm hebb", "learning.algorithm", "dfa"),
    ("train --model sp-voltage", "--model = sp-voltage: is of the spiking family", "pass --family spiking"),
    ("train --family discrete --model sp-voltage", "this run of the discrete family: pass --family spiking"),
    ("train --family spiking --model sp", "learning.model = 'sp': must be one of bp-surrogate, shallow"),
    ("train --family spiking --model", "--model: needs a value"),
    (
        "train --family spiking --model shallow --learning.model sp-voltage",
        "--model = shallow: is short for --learning.model, which is sp-voltage: give one of the two",
    ),
    ("train --target.scope class", "--target.scope: no such flag"),
    ("data", "must be list, fetch NAME or verify NAME"),
    ("data get mnist", "data get mnist: must be list, fetch NAME or verify NAME"),
    ("data fetch", "data fetch: must be list, fetch NAME"),
    ("data fetch mnst", "mnst", "mnist"),
    ("data list digits extra", "extra: one argument too many"),
    ("bench solver", "solver: no such benchmark: did you mean solvers?"),
    ("data list extra digits", "digits: one argument too many: leave it out"),
    ("bench solvers --output none/figures.json", "--output = none/figures.json", "make it first"),
    ("bench solvers --output /dev/full", "--output = /dev/full: is a device: give the name of a file, new or to be"),
    ("report . --output /dev/full", "--output = /dev/full: is a device"),
]

SETTINGS = [
    ("--data.name mnst", "data.name = 'mnst': must be one of digits, mnist"),
    ("--data.limit 0", "data.limit = 0: must be a whole number, at least 1"),
    ("--data.limit 0.5", "data.limit = 0.5: must be a whole number"),
    ("--network.architecture ring", "network.architecture = 'ring': must be one of sigprop_loop"),
    ("--network.hidden [-3]", "network.hidden = -3: must be a whole number, at least 1"),
    ("--network.hidden [0]", "network.hidden = 0: must be"),
    ("--network.hidden []", "network.hidden = []: must be at least one hidden layer"),
    ("--network.hidden {a:3}", "network.hidden = {'a:3': None}: must be a list in brackets, such as [1, 2]"),
    ("--network.hidden abc", "network.hidden = 'abc': must be a list"),
    ("--network.hidden [3", "network.hidden = '[3': must be a list"),
    ("--network.hidden [2.5]", "network.hidden = 2.5: must be a whole number"),
    (
        "--network.hidden [9,9] --network.loops [3]",
        "network.loops = [3]: must be one or more different hidden layers, 1 to 2",
    ),
    ("--network.loops [0]", "network.loops = [0]: must be"),
    ("--network.loops [1,1]", "network.loops = [1, 1]: must be one or more different"),
    ("--network.loops [true]", "network.loops = [True]: must be one or more different hidden layers"),
    ("--learning.fixed [5]", "learning.fixed = 5: must be names of connections, such as [W12, loop]"),
    ("--learning.fixed [[loop]]", "learning.fixed = ['loop']: must be names of connections"),
    ("--solver.max_sweeps 3000000000", "solver.max_sweeps = 3000000000: must be a whole number, at most 2147483647"),
    ("--solver.max_sweeps 1" + 30 * "0", "solver.max_sweeps = a number of 31 digits: must be a whole number, at most"),
    ("--network.hidden [1000000000000]", "network.hidden = 1000000000000: must be a whole number, at most 10000000"),
    ("--network.loops []", "network.loops = []: must be one or more"),
    ("--network.rho relu", "network.rho = 'relu': must be one of hard_sigmoid, logistic, tanh, rectifier"),
    ("--network.time_constant 0", "network.time_constant = 0.0: must be a finite number greater than 0"),
    ("--network.precision float16", "network.precision = 'float16': must be one of float32, float64"),
    ("--solver.method newton", "solver.method = 'newton': must be one of anderson"),
    ("--solver.tolerance 0", "solver.tolerance = 0.0: must be"),
    ("--solver.tolerance small", "solver.tolerance = 'small': must be a finite number"),
    ("--solver.max_sweeps 1.5e0", "solver.max_sweeps = 1.5: must be a whole number"),
    ("--nudging.beta -1", "nudging.beta = -1.0: must be a finite number greater than 0"),
    ("--nudging.beta -1e-3", "nudging.beta = -0.001: must be a finite number greater than 0"),
    ("--nudging.beta -.5", "nudging.beta = -0.5: must be a finite number greater than 0"),
    ("--data.limit 1e400", "data.limit = inf: must be a whole number"),
    ("--nudging.beta .nan", "nudging.beta = nan: must be a finite number"),
    ("--nudging.beta .inf", "nudging.beta = inf: must be a finite number"),
    ("--nudging.kind centered --nudging.beta 1", "nudging.beta = 1.0: must be below 1", "centered"),
    ("--learning.rates [0.1,0.2,0.3]", "learning.rates = [0.1, 0.2, 0.3]: must be", "network.hidden = [512]"),
    ("--learning.rates [-0.1]", "learning.rates = -0.1: must be a finite number at least 0"),
    ("--learning.rates [4] --learning.weight_decay 0.5", "learning.weight_decay = 0.5: must be at most 0.25, 1 / the"),
    ("--learning.decay 2", "learning.decay = 2.0: must be", "at most 1"),
    ("--learning.fixed [W99] --run-dir run", "learning.fixed", "W99"),
    ("--training.epochs 0", "training.epochs = 0: must be a whole number, at least 1"),
    ("--training.batch_size -20", "training.batch_size = -20: must be"),
    ("--training.seed -1", "training.seed = -1: must be"),
    ("--training.threads many", "training.threads = 'many': must be a whole number"),
    ("--training.tensorboard 7", "training.tensorboard = 7: must be true or false"),
]

BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{','.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, 9))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))

FILES = [
    ("network:\n  hiden: [3]\n", "file.yaml: network.hiden = [3]: no such setting: did you mean hidden?"),
    ("netwrk:\n  hidden: [3]\n", "file.yaml: netwrk = {'hidden': [3]}: no such group: did you mean network?"),
    ("network: 3\n", "file.yaml: network = 3: must be a mapping of architecture, hidden"),
    ("network:\ndata: {}\n", "file.yaml: network = None: must be a mapping"),
    ("", "file.yaml: must be a mapping of groups of settings: data, network"),
    ("- network\n", "file.yaml: must be a mapping of groups"),
    ("network:\n  hidden: [3\n", "file.yaml, line 3: is not valid YAML"),
    ("network:\n\thidden: [3]\n", "file.yaml, line 2: is not valid YAML"),
    ("network: &a {hidden: [3], x: *a}\n", "file.yaml, line 1: a holds itself: mend the line"),
    ("network: " + 3000 * "[" + 3000 * "]" + "\n", "file.yaml, line 1: is nested deeper than 32: mend the line"),
    ("training: {epochs: " + 5000 * "9" + "}\n", "file.yaml: holds a value that cannot be read"),
    ("training: {seed: !!bool x}\n", "file.yaml: holds a value that cannot be read: mend it"),
    ("training: {seed: !!timestamp x}\n", "file.yaml: holds a value that cannot be read: mend it"),
    ('family: spiking\ndata: {events: "a\\0b"}\n', "file.yaml: data.events = 'a\\x00b': must be the path of a folder"),
    ('data: {name: "a\\e[31mb\\n\\u202Ec"}\n', "file.yaml: data.name = 'a\\x1b[31mb\\n\\u202ec': must be one of"),
    ("network: {loops: [true]}\n", "network.loops = [True]: must be one or more"),
    ("network: !!python/object:os.system {}\n", "file.yaml, line 1: is not valid YAML"),
    ("data: {limit: 9}\nnetwork: {}\ndata: {}\n", "file.yaml, line 3: data is there twice: keep one"),
    ("data: {limit: 9, limit: 8}\n", "file.yaml, line 1: limit is there twice: keep one"),
    ("training:\n  epochs: three\n", "file.yaml: training.epochs = 'three': must be a whole number"),
    ("training:\n  epochs:\n", "training.epochs = None: must be a whole number"),
    ("nudging:\n  beta: '0.5'\n", "file.yaml: nudging.beta = '0.5': must be a finite number"),
    ("network:\n  hidden: wide\n", "network.hidden = 'wide': must be a list"),
]


@pytest.mark.parametrize("case", WORDS, ids=lambda case: case[0])
def test_command_line(refused: Refuse, case: tuple[str, ...]) -> None:
    refused(case[0].split(), *case[1:])


@pytest.mark.parametrize("case", SETTINGS, ids=lambda case: case[0])
def test_setting_on_the_command_line(refused: Refuse, case: tuple[str, ...]) -> None:
    refused(["train", *case[0].split()], *case[1:])


@pytest.mark.parametrize(("text", "words"), FILES)
def test_setting_in_a_file(refused: Refuse, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "file.yaml").write_text(text)
    refused(["train", "--config", "file.yaml"], words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB, "file.yaml, line 6: holds more than 20,000 values: shorten it"),
        (CHAIN, "file.yaml, line 32: is nested deeper than 32: mend the line"),
        ("network: {hidden: [" + 100_000 * "1," + "]}", "file.yaml, line 1: holds more than 20,000 values"),
        ("network: " + 100_000 * "[", "file.yaml, line 1: is nested deeper than 32"),
        ((1 << 20) * "x" + "x", "file.yaml: cannot be read (is larger than 1,048,576 bytes): give a YAML file"),
    ],
    ids=("aliases", "chain", "long", "deep", "large"),
)
@pytest.mark.parametrize("command", ["train --config", "sweep"])
def test_a_file_of_which_too_much_would_be_built(
    refused: Refuse, tmp_path: Path, command: str, content: str, words: str
) -> None:
    (tmp_path / "file.yaml").write_text(content)
    refused([*command.split(), "file.yaml"], words)


def test_a_value_of_which_too_much_would_be_built(refused: Refuse) -> None:
    refused(["train", "--network.hidden", 60_000 * "["], "--network.hidden, line 1: is nested deeper than 32")


@pytest.mark.parametrize("command", ["train --config", "sweep"])
def test_a_pipe_is_not_waited_for(refused: Refuse, tmp_path: Path, command: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused([*command.split(), "pipe"], "pipe: cannot be read (is no regular file): give a YAML file")


def test_a_long_value_is_told_in_a_short_line(refused: Refuse, ctsigprop: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("network: {hidden: [" + 10_000 * "7," + "]}\nlearning: {rates: [1, 2, 3]}\n")
    arguments = ["train", "--config", "file.yaml"]
    refused(arguments, "learning.rates = [1, 2, 3]: must be", "7, 7 ... ")
    assert len(ctsigprop(*arguments).err) <= 1001


def test_a_flag_that_is_wrong_is_not_the_file_s_fault(refused: Refuse, ctsigprop: Callable[..., Any]) -> None:
    Path("file.yaml").write_text("training: {epochs: 3}\n")
    arguments = ["train", "--config", "file.yaml", "--training.seed", "-1"]
    refused(arguments, "error: training.seed = -1: must be")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("train --run-dir", "--run-dir"),
        ("train --resume --run-dir", "--run-dir"),
        ("train --config", "--config"),
        ("report", "DIR"),
        ("report --output", "--output"),
        ("simulate", "RUN"),
        ("sweep", "FILE"),
    ],
)
def test_an_empty_text_is_no_path(refused: Refuse, arguments: str, name: str) -> None:
    refused([*arguments.split(), ""], f"{name} = '': is empty: give a value, or leave it out")


@pytest.mark.parametrize("name", ["link", "dangling", "folder", "pipe"])
def test_what_is_no_regular_file_is_not_replaced(refused: Refuse, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    kind = "link" if name == "dangling" else name
    for command in ("bench solvers", "report ."):
        refused([*command.split(), "--output", name], f"--output = {name}: is a {kind}: give the name of a file")


def test_nothing_of_a_name_reaches_the_terminal_raw(refused: Refuse) -> None:
    refused(["simulate", "a\x1b[2J\r\n\udcff"], "error: a\\x1b[2J\\r\\n\\udcff: no such folder")
    refused(["tr\x1b[2Jain"], "error: tr\\x1b[2Jain: no such command")


def test_a_number_of_thousands_of_digits(refused: Refuse) -> None:
    refused(["train", "--training.epochs", 5000 * "9"], "training.epochs = '999", "must be a whole number")


def test_config_that_is_not_there(refused: Refuse) -> None:
    refused(["train", "--config", "none.yaml"], "--config = none.yaml: no such file: give a YAML file, or one of")


def test_config_that_is_a_folder(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(["train", "--config", "folder"], "folder: cannot be read (Is a directory)")


def test_config_that_is_no_text(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(b"\xff\xfe\x00\x01")
    refused(["train", "--config", "file.yaml"], "file.yaml: is not a text file")


def test_folder_that_holds_a_run(refused: Refuse, run: Path) -> None:
    refused(["train", "--run-dir", "run"], "run: already holds a run: pass --resume", "another --run-dir")


def test_folder_that_holds_something_else(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("...")
    refused(
        ["train", "--run-dir", "run"],
        "run: is not empty and holds no run: move its files away, or choose another folder",
    )


@pytest.mark.parametrize("folder", ["file", "file/run", "/proc/run", "x" * 300])
def test_folder_that_cannot_be_written(refused: Refuse, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    refused(["train", "--run-dir", folder], f"{folder}: cannot be written (", "choose another folder")


def test_default_folder_that_cannot_be_written(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    refused(["train"], "runs: cannot be written (", "give another folder with --run-dir")


@pytest.mark.parametrize("mode", [[], ["--resume"]], ids=["anew", "resume"])
def test_folder_that_another_process_trains_in(refused: Refuse, run: Path, mode: list[str]) -> None:
    with lock_folder(run):
        refused(["train", "--run-dir", "run", *mode], "run: another process is training in this folder")


def test_resume_without_a_folder(refused: Refuse) -> None:
    refused(["train", "--resume"], "--resume: does not say which run", "--run-dir")


def test_resume_where_there_is_no_folder(refused: Refuse) -> None:
    refused(["train", "--resume", "--run-dir", "none"], "none: no such folder", "ctsigprop train")


def test_resume_where_there_is_no_run(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(["train", "--resume", "--run-dir", "empty"], "empty: holds no run (no config.yaml)")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--network.hidden [9]", "network.hidden = [9]: the run in run has [8]: leave it out"),
        (
            "--training.epochs 1",
            "training.epochs = 1: the run in run has 2: leave it out (only training.epochs may be",
        ),
        ("--nudging.beta 0.25 --training.epochs 9", "nudging.beta = 0.25: the run in run has 1.0"),
        ("--config file.yaml", "training.seed = 5: the run in run has 0"),
        (
            "--training.threads 2",
            "training.threads = 2: the run in run has 1 (a run that is resumed is that which was not",
        ),
        ("--network.hidden [-9]", "network.hidden = -9: must be"),
    ],
)
def test_resume_with_other_settings(refused: Refuse, run: Path, flags: str, words: str) -> None:
    (run.parent / "file.yaml").write_text("training: {seed: 5}\n")
    refused(["train", "--resume", "--run-dir", "run", *flags.split()], words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "config.yaml: must be a mapping"),
        ("network: {hidden: [8], colour: red}\n", "config.yaml: network.colour = 'red': no such setting"),
        ("network: {hidden: [0]}\n", "config.yaml: network.hidden = 0: must be"),
        ("network: {hidden: [8]\n", "is not valid YAML"),
    ],
)
def test_resume_with_a_spoilt_config(refused: Refuse, run: Path, text: str, words: str) -> None:
    (run / "config.yaml").write_text(text)
    refused(["train", "--resume", "--run-dir", "run"], words)


def test_a_finished_run_whose_best_checkpoint_is_damaged_is_refused_before_anything_is_drawn(
    refused: Refuse, run: Path
) -> None:
    (run / "checkpoint-best.npz").write_bytes(b"")
    shutil.rmtree(run / "figures")
    (run / "figures").mkdir()
    refused(["train", "--resume", "--run-dir", "run"], "checkpoint-best.npz: is truncated or corrupt")


def test_resume_from_a_truncated_checkpoint(refused: Refuse, run: Path) -> None:
    path = run / "checkpoint-last.npz"
    path.write_bytes(path.read_bytes()[:-100])
    refused(["train", "--resume", "--run-dir", "run"], "checkpoint-last.npz: is truncated or corrupt", "--run-dir")


def test_resume_from_a_checkpoint_that_lacks_its_progress(refused: Refuse, run: Path) -> None:
    path = run / "checkpoint-last.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["__meta__"] = np.frombuffer(b"{}", np.uint8)
    np.savez(path, **arrays)
    refused(["train", "--resume", "--run-dir", "run"], "checkpoint-last.npz: is truncated or corrupt")


def test_resume_from_the_checkpoint_of_another_network(refused: Refuse, run: Path) -> None:
    other = run.parent / "other"
    small = ["--data.limit", "60", "--training.epochs", "1", "--training.threads", "1"]
    assert main(["train", "--network.hidden", "[9]", *small, "--run-dir", str(other), "--quiet"]) == 0
    shutil.copy(other / "checkpoint-last.npz", run)
    refused(
        ["train", "--resume", "--run-dir", "run"],
        "checkpoint-last.npz: W01 is float32[64, 9] and config.yaml asks for float32[64, 8]",
        "the checkpoint is of another network",
    )


def test_resume_with_weights_that_are_no_numbers(refused: Refuse, run: Path) -> None:
    words = "checkpoint-last.npz: W01 holds NaN or infinity"
    path = run / "checkpoint-last.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["W01"][2, 3] = np.nan
    np.savez(path, **arrays)
    refused(["train", "--resume", "--run-dir", "run", "--training.epochs", "3"], words)
