"""Stand-ins of a trained model, and pictures of invented people, for tests in any process."""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.metrics.similarity import normalized
from kaggle_face.pictures import resized
from kaggle_face.recognition.gallery.model_card import ModelCard, Threshold
from kaggle_face.recognition.gallery.tables import NewImage, NewPerson
from kaggle_face.synthetic.faces import draw_appearance, draw_identity, render_face

SIDE_PX = 16
STRICT = Threshold("fpr-1e-3", 0.8, 0.001, 0.1, 10_000, 500)
LOOSE = Threshold("fpr-1e-2", 0.7, 0.01, 0.05, 10_000, 500)
EQUAL = Threshold("eer", 0.6, 0.03, 0.03, 10_000, 500)
PIXEL_CARD = ModelCard(
    fingerprint="0123456789abcdef" * 2,
    run="stub/main",
    fold=0,
    checkpoint="best_ver",
    folder="/nowhere/stub/main/fold0",
    image_size=112,
    embedding_size=SIDE_PX * SIDE_PX,
    thresholds=(STRICT, LOOSE, EQUAL),
)


class PixelEmbedder:
    """Calls a crop's own coarse grey pixels, less their mean, its embedding."""

    def __init__(self, card: ModelCard = PIXEL_CARD) -> None:
        self.card = card

    def embed(self, crops: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        grey = [resized(crop, SIDE_PX).mean(axis=2).flatten() for crop in crops]
        vectors = np.asarray(grey, np.float32).reshape(len(crops), SIDE_PX * SIDE_PX)
        return normalized(vectors - vectors.mean(axis=1, keepdims=True))


def invented_face(person: int, picture: int = 0, size_px: int = 240) -> npt.NDArray[np.uint8]:
    """A picture of an invented person, RGB (size, size, 3); MTCNN finds the face of most."""
    return render_face(draw_identity(0, person), draw_appearance(0, person, picture), size_px)


def jpeg_of(pixels: npt.NDArray[np.uint8], quality: int = 92, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def random_person(name: str, seed: int, num_images: int = 1, size: int = 256) -> NewPerson:
    """A person with embeddings drawn at random and without pictures."""
    vectors = normalized(np.random.default_rng(seed).normal(size=(num_images, size)))
    images = tuple(NewImage(f"{name}-{i}.jpg", f"{name}-{i}", vectors[i]) for i in range(num_images))
    return NewPerson(name, images)


def write_trained_run(fold_folder: Path, seed: int = 0, with_pairs: bool = True) -> FoldFolder:
    """The folder of a fold as training leaves it, with weights drawn at random and scored pairs.

    Of 1000 pairs of one person 999 score 0.9 and one 0.1; of 10,000 of different people 9 score 0.8, 90 score
    0.5, the others -0.5 to 0.4.
    """
    shutil.copytree(_trained_run(seed, with_pairs), fold_folder, dirs_exist_ok=True)
    return FoldFolder(fold_folder)


@cache
def _trained_run(seed: int, with_pairs: bool) -> Path:
    """The same, written once in a process, to be copied."""
    import torch

    from kaggle_face.artifacts import record_io
    from kaggle_face.artifacts.files.atomic import write_text
    from kaggle_face.artifacts.provenance import describe_averaging, inputs_of_record
    from kaggle_face.config import dump_config
    from kaggle_face.config.schema import Config
    from kaggle_face.model.network import create_network
    from kaggle_face.model.weights.checkpoints import save_weights
    from kaggle_face.records import ClassTable, PairScores

    settings = {
        "model": {"backbone": "test_resnet", "embedding_size": 16},
        "data": {"image_size": 32},
        "device": "cpu",
    }
    config = Config.model_validate(settings)
    path = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    folder = FoldFolder(path / "fold0")
    classes = np.array(["a", "b", "c"])
    torch.manual_seed(seed)
    network = create_network(config.model, config.margin, len(classes), config.data.image_size)
    write_text(folder.config_file, dump_config(config))
    record_io.write_classes(folder.classes_file, ClassTable(classes, classes), np.array([5, 5, 5]))
    save_weights(network, folder.weights_file("best_ver"), {"epoch": "1"})
    folder.write_info({"status": "finished", "overrides": []})
    if with_pairs:
        different = np.concatenate([np.full(9, 0.8), np.full(90, 0.5), np.linspace(-0.5, 0.4, 9901)])
        scores = np.concatenate([np.full(999, 0.9), [0.1], different]).astype(np.float32)
        labels = np.repeat([1, 0], [1000, 10_000]).astype(np.int64)
        ids = np.arange(len(scores)).astype(np.str_)
        record = PairScores(ids, scores, labels)
        made_of = inputs_of_record(folder, "oof", "best_ver", describe_averaging(flip=True, crops=False))
        record_io.write_pair_scores(folder.record_folder("oof", "best_ver", "pairs"), record, made_of)
    return folder.path
