"""One thread per test process, and a tiny network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.model.network import FaceNetwork, create_network


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def tiny_network(**settings: object) -> FaceNetwork:
    """A network for 32 pixels, 7 classes, half a million parameters; keywords are of `ModelConfig`."""
    model = ModelConfig.model_validate({"backbone": "test_resnet", "embedding_size": 16, **settings})
    return create_network(model, MarginConfig(), num_classes=7, image_size=32)
