"""Weights on disk: our own files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kaggle_face.artifacts.checkpoint_file import read_header_metadata
from kaggle_face.errors import RunError
from kaggle_face.model.weights import checkpoints as weights
from kaggle_face.model.weights.checkpoints import (
    digest_of_tensors,
    load_weights,
    read_weights,
    save_weights,
)
from tests.support.networks import tiny_network


def test_a_network_comes_back_from_its_file(tmp_path: Path) -> None:
    network = tiny_network(head="adaface").to(memory_format=torch.channels_last)
    save_weights(network, tmp_path / "run" / "last.safetensors", {"epoch": "3"})
    torch.manual_seed(9)
    other = tiny_network(head="adaface")
    load_weights(other, tmp_path / "run" / "last.safetensors")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in network.state_dict().items())
    metadata = read_header_metadata(tmp_path / "run" / "last.safetensors")
    assert metadata["epoch"] == "3" and metadata["weights"] == digest_of_tensors(network.state_dict())


def test_the_digest_of_weights_follows_names_and_values_alone(tmp_path: Path) -> None:
    first = {"a": torch.arange(3.0), "b": torch.ones(2)}
    assert digest_of_tensors(first) == digest_of_tensors(dict(reversed(first.items())))
    assert digest_of_tensors(first) != digest_of_tensors({"a": torch.arange(3.0), "c": torch.ones(2)})
    assert digest_of_tensors(first) != digest_of_tensors({"a": torch.arange(3.0), "b": -torch.ones(2)})


def test_a_changed_bit_anywhere_in_a_file_of_weights_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    save_weights({"weight": torch.arange(12.0).reshape(3, 4)}, path, {"epoch": "3"})
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (0, 6):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(RunError, match=r"train the run again, or name another checkpoint$") as error:
                read_weights(path)
            assert "\n" not in str(error.value)


def test_named_tensors_can_be_saved_alone(tmp_path: Path) -> None:
    save_weights({"a": torch.arange(3)}, tmp_path / "a.safetensors")
    assert read_weights(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_weights({"a": torch.ones(1)}, tmp_path / "a.safetensors")

    def fail(path: Path) -> None:
        raise TypeError

    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr(weights, "write_checksum", fail)
        save_weights({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    assert read_weights(tmp_path / "a.safetensors")["a"].item() == 1.0


def test_weights_of_another_network_are_one_line(tmp_path: Path) -> None:
    save_weights(tiny_network(embedding_size=8), tmp_path / "w.safetensors")
    message = r"holds another network: \d+ of \d+ tensors fit, first that does not: neck\.0\.weight \(file 8x"
    with pytest.raises(RunError, match=message) as caught:
        load_weights(tiny_network(), tmp_path / "w.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"is missing|is damaged"):
        load_weights(tiny_network(), tmp_path / "w.safetensors")
