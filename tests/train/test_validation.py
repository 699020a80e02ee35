"""Held-out images and trials, measured with a network whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kaggle_face.config import MarginConfig, ModelConfig
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.records import ClassTable, Pairs, no_pairs
from kaggle_face.train.settings import FoldData
from kaggle_face.train.validation import Evaluation, NotFiniteError, measure, predict_held_out

HOW = Evaluation(torch.device("cpu"), None, batch_size=3, flip=False)
IDS = np.array([f"{letter}.jpg" for letter in "abcdefgh"])


@pytest.fixture
def network() -> FaceNetwork:
    torch.manual_seed(0)
    options = {"channels": [8, 8, 8, 8], "stem_width": 8}
    model = ModelConfig(backbone="resnet10t", backbone_options=options, embedding_size=4)
    return create_network(model, MarginConfig(), 3, 16).eval()


def make_task(pairs: Pairs, train_labels: list[int]) -> FoldData:
    images = np.random.default_rng(0).integers(0, 256, (len(IDS), 16, 16, 3), np.uint8)
    cache = ImageCache(IDS, images, np.ones(len(IDS), bool), 16)
    names = np.array(["x", "y", "z"])
    return FoldData(
        fold=0,
        classes=ClassTable(names, names),
        cache=cache,
        train_ids=IDS[: len(train_labels)],
        train_labels=np.array(train_labels),
        validation_ids=np.array(["g.jpg", "c.jpg", "e.jpg", "a.jpg"]),
        validation_labels=np.array([0, 1, 0, 1]),
        pairs=pairs,
    )


def embedding_of(network: FaceNetwork, data: FoldData, image_id: str) -> np.ndarray:
    image = torch.from_numpy(data.cache.images[data.cache.rows_of(np.array([image_id]))])
    with torch.no_grad():
        return network(network.normalize(image))[0].numpy()


def test_each_image_has_its_own_embedding_whatever_the_batches(network: FaceNetwork) -> None:
    data = make_task(no_pairs(), [0, 1, 2])
    held_out = predict_held_out(network, data, HOW)
    assert held_out.embeddings.image_ids.tolist() == ["g.jpg", "c.jpg", "e.jpg", "a.jpg"]
    for image_id, vector in zip(held_out.embeddings.image_ids, held_out.embeddings.vectors, strict=True):
        assert np.allclose(vector, embedding_of(network, data, image_id), atol=1e-5)


def test_trials_are_scored_by_the_cosine_also_of_images_that_are_not_classified(network: FaceNetwork) -> None:
    pairs = Pairs(np.array(["0"]), np.array(["b.jpg"]), np.array(["g.jpg"]), np.array([1]))
    data = make_task(pairs, [0, 1, 2])
    held_out = predict_held_out(network, data, HOW)
    first, second = embedding_of(network, data, "b.jpg"), embedding_of(network, data, "g.jpg")
    cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    assert held_out.pair_scores.scores[0] == pytest.approx(cosine, abs=1e-5)
    assert set(held_out.embeddings.image_ids) == {"g.jpg", "c.jpg", "e.jpg", "a.jpg", "b.jpg"}


def test_a_class_without_training_images_is_never_predicted(network: FaceNetwork) -> None:
    logits = predict_held_out(network, make_task(no_pairs(), [0, 1, 1]), HOW).predictions.logits
    assert np.isneginf(logits[:, 2]).all() and np.isfinite(logits[:, :2]).all()


def test_an_image_whose_class_has_no_training_image_adds_a_finite_loss(network: FaceNetwork) -> None:
    data = make_task(no_pairs(), [0, 0, 2])  # c and a, of class 1, have the logit -inf
    held_out = predict_held_out(network, data, HOW)
    known = held_out.predictions.logits[[0, 2]][:, [0, 2]].astype(np.float64)
    losses = np.log(np.exp(known).sum(axis=1)) - known[:, 0]
    expected = (losses.sum() + 2 * 87) / 4  # -ln of float32's least normal number, 1e-38
    assert measure(held_out, data)["log_loss"] == pytest.approx(expected, rel=1e-5)


def test_embeddings_that_are_not_finite_blame_the_training_and_no_picture(network: FaceNetwork) -> None:
    with torch.no_grad():
        network.neck.get_parameter("0.weight").fill_(3e38)  # finite, but no sum with the bias is
        network.neck.get_parameter("0.bias").fill_(3e38)
    message = r"4 of 4 embeddings of held-out images are not finite: its training diverged; .*lower optim\.lr"
    with pytest.raises(NotFiniteError, match=message) as caught:
        predict_held_out(network, make_task(no_pairs(), [0, 1, 2]), HOW)
    assert "jpg" not in str(caught.value)


def test_figures_of_both_tasks_are_reported_where_they_can_be(network: FaceNetwork) -> None:
    data = make_task(no_pairs(), [0, 1, 2])
    figures = measure(predict_held_out(network, data, HOW), data)
    assert set(figures) == {"accuracy", "top5", "log_loss"}
    ids = np.array(["0", "1"])
    pairs = Pairs(ids, np.array(["a.jpg", "a.jpg"]), np.array(["b.jpg", "c.jpg"]), np.array([1, 0]))
    data = make_task(pairs, [0, 1, 2])
    held_out = predict_held_out(network, data, HOW)
    logits = held_out.predictions.logits
    figures = measure(held_out, data)
    assert figures["accuracy"] == (logits.argmax(axis=1) == [0, 1, 0, 1]).mean()
    assert figures["auc"] == float(held_out.pair_scores.scores[0] > held_out.pair_scores.scores[1])
