"""`train.amp=auto` on a CPU: what the trial decides is kept; the processor and the clock are played here."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.progress import SilentProgress
from kaggle_face.train.speed import precision
from kaggle_face.train.speed.precision import computes_bf16, decide_cpu_amp, recorded_cpu_amp, time_formats
from kaggle_face.train.speed.step_timing import Workload
from tests.support.progress import Told

WORKLOAD = Workload(batch_size=64, size_px=16, amp_dtype=None, steps=1000)


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    options = {"channels": [8, 8, 8, 8], "stem_width": 8}
    model = ModelConfig(backbone="resnet10t", backbone_options=options, embedding_size=4, dropout=0.5)
    model = model.model_copy(update={"neck": "dropout_linear_bn"})
    return create_network(model, MarginConfig(), num_classes=2, image_size=16)


def play(patch: pytest.MonkeyPatch, plain: float, bf16: float) -> list[Workload]:
    """A processor with bf16 on which a step takes so many seconds; the trials that were made."""
    trials: list[Workload] = []

    def timed(network: FaceNetwork, workload: Workload) -> tuple[float, float]:
        trials.append(workload)
        return plain, bf16

    patch.setattr(precision, "computes_bf16", lambda: True)
    patch.setattr(precision, "time_formats", timed)
    return trials


@pytest.mark.parametrize(
    ("plain", "bf16", "decision"),
    [(0.2, 0.1, "bf16"), (0.105, 0.1, "off"), (0.1, 0.2, "off")],
)
def test_bf16_is_taken_where_it_saves_more_than_a_tenth(
    network: FaceNetwork,
    monkeypatch: pytest.MonkeyPatch,
    plain: float,
    bf16: float,
    decision: str,
) -> None:
    trials, told = play(monkeypatch, plain, bf16), Told()
    assert decide_cpu_amp(network, "auto", WORKLOAD, None, told) == decision
    assert [trial.batch_size for trial in trials] == [32]
    assert told.lines[0].startswith(
        "train.amp=auto: bf16 " + ("is used" if decision == "bf16" else "is left off")
    )


def test_what_the_run_decided_is_not_tried_again(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = play(monkeypatch, 0.2, 0.1)
    assert decide_cpu_amp(network, "auto", WORKLOAD, "off", SilentProgress()) == "off"
    assert decide_cpu_amp(network, "auto", WORKLOAD, "bf16", SilentProgress()) == "bf16"
    assert not trials


def test_short_trainings_and_other_processors_try_nothing(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = play(monkeypatch, 0.2, 0.1)
    short = Workload(64, 16, None, steps=100)
    assert decide_cpu_amp(network, "auto", short, None, SilentProgress()) == "off"
    monkeypatch.setattr(precision, "computes_bf16", lambda: False)
    assert decide_cpu_amp(network, "auto", WORKLOAD, None, SilentProgress()) == "off"
    assert not trials


def test_a_setting_is_followed_without_a_trial(network: FaceNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = play(monkeypatch, 0.2, 0.1)
    assert decide_cpu_amp(network, "off", WORKLOAD, "bf16", SilentProgress()) == "off"
    assert decide_cpu_amp(network, "bf16", WORKLOAD, None, SilentProgress()) == "off"
    assert not trials


@pytest.mark.parametrize("has_bf16", [False, True])
def test_bf16_that_would_be_emulated_is_not_used_without_a_word(
    network: FaceNetwork, monkeypatch: pytest.MonkeyPatch, has_bf16: bool
) -> None:
    warnings: list[str] = []
    told = Told()
    monkeypatch.setattr(told, "warn", warnings.append, raising=False)
    monkeypatch.setattr(precision, "computes_bf16", lambda: has_bf16)
    decide_cpu_amp(network, "bf16", WORKLOAD, None, told)
    assert [line[:15] for line in warnings] == ([] if has_bf16 else ["train.amp=bf16:"])


def test_a_trial_changes_neither_network_nor_random_state(network: FaceNetwork) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    plain, bf16 = time_formats(network, Workload(2, 16, None, 1000))
    assert plain > 0 and bf16 > 0
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"neon": True, "bf16": True, "sve_max_length": 128}, True),
        ({"avx2": True, "avx512_bf16": False}, False),
    ],
)
def test_torch_is_asked_for_the_instructions(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert computes_bf16() is expected


def test_a_torch_that_cannot_tell_has_no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert computes_bf16() is False


def test_folds_of_a_run_share_the_decision(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "config" / "main")
    assert recorded_cpu_amp(run.fold(1)) is None
    write_info(run.fold(0), {"cpu_amp": "bf16"})
    assert recorded_cpu_amp(run.fold(1)) == "bf16"
    write_info(run.fold(1), {"cpu_amp": "off"})
    assert recorded_cpu_amp(run.fold(1)) == "off"


def test_a_training_begun_before_decisions_were_kept_goes_on_without_bf16(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "config" / "main")
    write_info(run.fold(0), {})
    assert recorded_cpu_amp(run.fold(0)) == "off"


def test_a_fold_begun_on_a_gpu_has_decided_nothing_for_the_cpu(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "config" / "main")
    write_info(run.fold(0), {"cpu_amp": None})
    assert recorded_cpu_amp(run.fold(0)) is None


def write_info(folder: FoldFolder, values: dict[str, str | None]) -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_info(values)
