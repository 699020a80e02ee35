"""Muon: the updates of timm's, in the format that the machine computes fast, and a state that resumes."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from kaggle_face.config import OptimConfig
from kaggle_face.errors import ConfigError
from kaggle_face.train.optim import muon
from kaggle_face.train.optim.muon import Muon, create_muon, is_matrix, orthogonalised
from kaggle_face.train.optim.optimizer import changed_on_device, create_optimizer

SHAPES = ((32, 16, 3, 3), (24, 60), (60, 24), (40, 3, 3, 3))
VECTORS = ((16,), (8, 1, 3, 3))


def parameters(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    torch.manual_seed(3)
    return [nn.Parameter(torch.randn(shape)) for shape in shapes]


def give_gradients(of: list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in of:
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)


def step_together(
    optimizers: Iterable[tuple[torch.optim.Optimizer, list[nn.Parameter]]], seeds: Iterable[int]
) -> None:
    """Lets each take the steps of the same gradients."""
    for seed in seeds:
        for optimizer, of in optimizers:
            give_gradients(of, seed)
            optimizer.step()


@pytest.mark.parametrize("nesterov", [False, True])
def test_matrices_get_the_updates_of_timms(nesterov: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    timm_muon = pytest.importorskip("timm.optim.muon", reason="timm before 1.0.20 has no Muon")
    monkeypatch.setattr(muon, "computes_bf16", lambda: True)  # the only format that timm's has
    ours, theirs = parameters(*SHAPES), parameters(*SHAPES)
    first = Muon(ours, lr=0.03, weight_decay=0.05, nesterov=nesterov)
    second = timm_muon.Muon(theirs, lr=0.03, weight_decay=0.05, momentum=0.95, nesterov=nesterov, ns_steps=3)
    step_together(((first, ours), (second, theirs)), range(3))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(
            one, other, rtol=0.0, atol=2e-3
        )  # bf16 has 8 bits; an update is about 0.2 lr
    assert any(not torch.equal(one, start) for one, start in zip(ours, parameters(*SHAPES), strict=True))


def test_vectors_get_the_updates_of_torchs_adamw() -> None:
    ours, theirs = parameters(*VECTORS), parameters(*VECTORS)
    first = Muon(ours, lr=0.03, weight_decay=0.05)
    second = torch.optim.AdamW(theirs, lr=0.03, weight_decay=0.05, betas=(0.9, 0.95))
    step_together(((first, ours), (second, theirs)), range(4))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 16)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    # A spread of ten, which five iterations undo.
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    matrix = left @ torch.diag(torch.linspace(1.0, 0.1, len(values), dtype=torch.float64)) @ right
    turned = (
        orthogonalised(matrix, 5) if not muon.computes_bf16() else orthogonalised(matrix.float(), 5).double()
    )
    assert torch.linalg.svdvals(turned).sub(1.0).abs().max() < 0.15
    rotation = left.T @ turned @ right.T
    off_diagonal = rotation - torch.diag(rotation.diagonal())
    assert off_diagonal.abs().max() < 0.05


def test_a_cpu_without_bf16_computes_in_the_gradients_format(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    real = torch.addmm

    def record(first: Tensor, *others: Tensor, **options: float) -> Tensor:
        seen.append(first.dtype)
        return real(first, *others, **options)

    monkeypatch.setattr(torch, "addmm", record)
    for has_bf16, format_ in ((False, torch.float32), (True, torch.bfloat16)):
        seen.clear()
        monkeypatch.setattr(muon, "computes_bf16", lambda has=has_bf16: has)
        assert orthogonalised(torch.eye(8), 2).dtype == torch.float32
        assert set(seen) == {format_}


def test_float64_is_computed_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = torch.randn(6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    monkeypatch.setattr(muon, "computes_bf16", lambda: True)
    found = orthogonalised(matrix, 3)
    monkeypatch.setattr(muon, "computes_bf16", lambda: False)
    torch.testing.assert_close(found, orthogonalised(matrix, 3), rtol=0.0, atol=1e-14)
    torch.testing.assert_close(found.float(), orthogonalised(matrix.float(), 3), rtol=0.0, atol=1e-5)


def test_no_step_waits_for_the_device_once_its_state_is_there() -> None:
    of = parameters(*SHAPES, *VECTORS)
    optimizer = Muon(of, lr=0.02)
    step_together([(optimizer, of)], [0])
    changed = changed_on_device(optimizer)
    assert changed is not None, "all that a step changes is known and lies beside the weights"
    assert sum(map(len, changed)) == 6 + 4 + 2 * 3, "weights, momenta, and three of AdamW's each"


def test_all_ways_to_it_by_name_are_ours() -> None:
    assert type(create_optimizer(parameters((4, 4)), OptimConfig(name="Muon"))) is Muon
    ahead = create_optimizer(parameters((4, 4)), OptimConfig(name="lookahead_muon"))
    assert type(ahead).__name__ == "Lookahead" and type(ahead._base_optimizer) is Muon  # type: ignore[attr-defined]
    assert type(create_optimizer(parameters((4, 4)), OptimConfig(name="adamuon"))) is not Muon


def test_matrices_are_told_from_vectors() -> None:
    for shape in ((32, 16, 3, 3), (4, 4), (512, 4), (40, 3, 3, 3)):
        assert is_matrix(torch.empty(shape)), shape
    for shape in ((16,), (), (1, 5), (8, 1, 3, 3), (3, 100), (1000, 4), (4, 3, 32, 32)):
        assert not is_matrix(torch.empty(shape)), shape


def test_a_state_that_was_saved_goes_on_with_the_same_bits() -> None:
    whole, parts = parameters(*SHAPES, *VECTORS), parameters(*SHAPES, *VECTORS)
    optimizer, before = Muon(whole, lr=0.02), Muon(parts, lr=0.02)
    step_together(((optimizer, whole), (before, parts)), range(2))
    after = Muon(parts, lr=0.02)
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    step_together(((optimizer, whole), (after, parts)), [9])
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_a_parameter_without_a_gradient_stays() -> None:
    moved, kept = parameters((8, 8), (8, 8))
    before = kept.detach().clone()
    moved.grad = torch.ones(8, 8)
    Muon([moved, kept], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(kept, before)


def test_the_settings_reach_it() -> None:
    config = OptimConfig(
        name="muon",
        lr=0.03,
        momentum=0.9,
        weight_decay=0.1,
        nesterov=True,
        options={"ns_steps": 2},
        betas=(0.8, 0.9),
    )
    group = create_muon([{"params": parameters((4, 4))}], config).param_groups[0]
    kept = {name: group[name] for name in ("lr", "momentum", "weight_decay", "nesterov", "ns_steps", "betas")}
    assert kept == {
        "lr": 0.03,
        "momentum": 0.9,
        "weight_decay": 0.1,
        "nesterov": True,
        "ns_steps": 2,
        "betas": (0.8, 0.9),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"ns_steps": 0},
            "optimiser 'muon' cannot be built: ns_steps must be a whole number from 1 to 5, got 0",
        ),
        ({"ns_steps": 2.5}, "got 2.5"),
        ({"no_such": 1}, "optimiser 'muon' cannot be built: .*no_such"),
    ],
)
def test_a_wrong_option_is_one_line(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        create_muon([{"params": parameters((4, 4))}], OptimConfig(name="muon", options=options))
    assert "\n" not in str(error.value)
