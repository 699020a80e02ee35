"""The plan of the generated data set: the picture of each path, and the lines of the lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, assert_never

import numpy as np

from kaggle_face.errors import DataError

Layout: TypeAlias = Literal["folders", "labels_txt"]
TextFiles: TypeAlias = Mapping[str, Sequence[str]]

_CLASS_STREAM, _VERIFICATION_STREAM = 101, 102
_HIGHEST_FOLDER_NUMBER = 9279  # VGGFace2's folders lie between n000001 and n009279


@dataclass(frozen=True)
class EmbeddedSize:
    """The numbers of identities, pictures and pairs; the identities of the pairs are not classes.

    Raises:
        DataError: A number is too small, or there are fewer different pairs than requested.
    """

    num_identities: int = 48
    train_images_per_identity: int = 20
    dev_images_per_identity: int = 4
    test_images_per_identity: int = 4
    num_verification_identities: int = 40
    images_per_verification_identity: int = 8
    num_val_pairs: int = 600
    num_test_pairs: int = 1200
    image_size_px: int = 64

    def __post_init__(self) -> None:
        for name, number in asdict(self).items():
            least = _LEAST.get(name, 1)
            if number < least:
                raise DataError(f"{name} of the generated faces must be >= {least}, got {number}")
        if self.num_identities > _HIGHEST_FOLDER_NUMBER:
            raise DataError(
                f"num_identities of the generated faces must be <= {_HIGHEST_FOLDER_NUMBER}, "
                f"got {self.num_identities}"
            )
        _check_pairs("num_val_pairs", self.num_val_pairs, self.num_val_identities, self)
        _check_pairs("num_test_pairs", self.num_test_pairs, self.num_test_identities, self)

    @property
    def num_val_identities(self) -> int:
        """The identities of the validation pairs: as their share of the pairs, at least two for each."""
        share = self.num_val_pairs / (self.num_val_pairs + self.num_test_pairs)
        return min(
            max(2, round(share * self.num_verification_identities)), self.num_verification_identities - 2
        )

    @property
    def num_test_identities(self) -> int:
        """The identities of the test pairs."""
        return self.num_verification_identities - self.num_val_identities

    @property
    def num_images(self) -> int:
        """All pictures of the data set."""
        per_class = (
            self.train_images_per_identity + self.dev_images_per_identity + self.test_images_per_identity
        )
        pairs = self.num_verification_identities * self.images_per_verification_identity
        return self.num_identities * per_class + pairs


_LEAST = {
    "num_identities": 2,
    "num_verification_identities": 4,
    "images_per_verification_identity": 2,
    "num_val_pairs": 2,
    "num_test_pairs": 2,
    "image_size_px": 16,
}


def _check_pairs(name: str, num_pairs: int, num_identities: int, size: EmbeddedSize) -> None:
    if num_pairs % 2:
        raise DataError(
            f"{name} of the generated faces must be even, half same and half different; got {num_pairs}"
        )
    images = size.images_per_verification_identity
    same = num_identities * images * (images - 1) // 2
    different = num_identities * (num_identities - 1) // 2 * images**2
    if num_pairs // 2 > min(same, different):
        raise DataError(
            f"{name} of the generated faces is {num_pairs}, but {num_identities} identities with {images} "
            f"images each make {min(same, different)} pairs of a kind; choose more identities or images"
        )


@dataclass(frozen=True)
class Shot:
    """A picture of an identity, by their numbers."""

    identity_number: int
    image_number: int


@dataclass(frozen=True)
class Plan:
    """Files to write: pictures and lines of text, by their path below the root."""

    shots: Mapping[str, Shot]
    texts: TextFiles


def draw_plan(size: EmbeddedSize, seed: int, layout: Layout) -> Plan:
    """All pictures and texts of the data set but its marker."""
    classes, verification = _draw_class_plan(size, seed, layout), _draw_verification_plan(size, seed)
    return Plan({**classes.shots, **verification.shots}, {**classes.texts, **verification.texts})


# ---------------------------------------------------------------- classification


def _draw_class_plan(size: EmbeddedSize, seed: int, layout: Layout) -> Plan:
    """Identities 0 to num_identities - 1; pictures are numbered through train, dev and test."""
    rng = np.random.default_rng([seed, _CLASS_STREAM])
    first_dev = size.train_images_per_identity
    first_test = first_dev + size.dev_images_per_identity
    train = _shots(size.num_identities, range(first_dev))
    dev = _shots(size.num_identities, range(first_dev, first_test))
    test = _shots(size.num_identities, range(first_test, first_test + size.test_images_per_identity))
    test = [test[place] for place in rng.permutation(len(test))]
    match layout:
        case "folders":
            return _folders_plan(train, dev, test, rng)
        case "labels_txt":
            return _labels_txt_plan(train, dev, test, rng)
        case unknown:
            assert_never(unknown)


def _shots(num_identities: int, image_numbers: range, first_identity: int = 0) -> list[Shot]:
    identities = range(first_identity, first_identity + num_identities)
    return [Shot(identity, image) for identity in identities for image in image_numbers]


def _folders_plan(train: list[Shot], dev: list[Shot], test: list[Shot], rng: np.random.Generator) -> Plan:
    """Fall 2024: a folder for each identity, numbered with gaps; its label is its place among them."""
    num_identities = 1 + max(shot.identity_number for shot in train)
    numbers = np.sort(rng.choice(_HIGHEST_FOLDER_NUMBER, num_identities, replace=False) + 1)
    shots = {
        f"cls_data/{split}/n{numbers[shot.identity_number]:06d}/{shot.image_number + 1:04d}_01.jpg": shot
        for split, split_shots in (("train", train), ("dev", dev))
        for shot in split_shots
    }
    test_shots = {f"cls_data/test/{name}": shot for name, shot in _numbered(test).items()}
    return Plan({**shots, **test_shots}, _class_texts(test, list(range(num_identities))))


def _labels_txt_plan(train: list[Shot], dev: list[Shot], test: list[Shot], rng: np.random.Generator) -> Plan:
    """Spring 2025 on: images in any order; the label is the identity's integer in `labels.txt`."""
    labels = rng.permutation(1 + max(shot.identity_number for shot in train)).tolist()
    shots: dict[str, Shot] = {}
    texts: dict[str, Sequence[str]] = {}
    for split, ordered in (("train", train), ("dev", dev)):
        named = _numbered([ordered[place] for place in rng.permutation(len(ordered))])
        shots |= {f"cls_data/{split}/images/{name}": shot for name, shot in named.items()}
        lines = [f"{name} {labels[shot.identity_number]}" for name, shot in named.items()]
        texts[f"cls_data/{split}/labels.txt"] = lines
    shots |= {f"cls_data/test/images/{name}": shot for name, shot in _numbered(test).items()}
    return Plan(shots, {**texts, **_class_texts(test, labels)})


def _numbered(shots: Sequence[Shot]) -> dict[str, Shot]:
    return {f"{number:06d}.jpg": shot for number, shot in enumerate(shots)}


def _class_texts(test: Sequence[Shot], labels: Sequence[int]) -> TextFiles:
    """The sample submission, and the right one."""
    named = _numbered(test)
    truth = [f"{name},{labels[shot.identity_number]}" for name, shot in named.items()]
    return {
        "sample_submission_classification.csv": ["id,label", *(f"{name},0" for name in named)],
        "truth/test_labels.csv": ["id,label", *truth],
    }


# ---------------------------------------------------------------- verification


def _draw_verification_plan(size: EmbeddedSize, seed: int) -> Plan:
    """Identities beyond the classes, first those of the validation pairs; names of images are drawn."""
    rng = np.random.default_rng([seed, _VERIFICATION_STREAM])
    identities, images = size.num_verification_identities, size.images_per_verification_identity
    shots = _shots(identities, range(images), first_identity=size.num_identities)
    names = [f"{number:08x}.jpg" for number in rng.choice(16**8, len(shots), replace=False)]
    num_val_images = size.num_val_identities * images
    val = _draw_pairs(names[:num_val_images], shots[:num_val_images], size.num_val_pairs, rng)
    test = _draw_pairs(names[num_val_images:], shots[num_val_images:], size.num_test_pairs, rng)
    texts = {
        "val_pairs.txt": [f"{first} {second} {same}" for first, second, same in val],
        "test_pairs.txt": [f"{first} {second}" for first, second, _ in test],
        "sample_submission_verification.csv": ["ID,Label", *(f"{row},0.0" for row in range(len(test)))],
        "truth/test_pairs.csv": ["ID,Label", *(f"{row},{pair[2]}" for row, pair in enumerate(test))],
    }
    return Plan({f"ver_data/{name}": shot for name, shot in zip(names, shots, strict=True)}, texts)


def _draw_pairs(
    names: Sequence[str], shots: Sequence[Shot], num_pairs: int, rng: np.random.Generator
) -> list[tuple[str, str, int]]:
    """Different pairs in any order, half of them of one identity."""
    identities = np.array([shot.identity_number for shot in shots])
    first, second = np.triu_indices(len(identities), k=1)
    is_same = identities[first] == identities[second]
    chosen = np.concatenate(
        [rng.choice(np.flatnonzero(is_same == same), num_pairs // 2, replace=False) for same in (True, False)]
    )
    pairs = []
    for place in rng.permutation(chosen):
        couple = (names[first[place]], names[second[place]])
        left, right = couple if rng.random() < 0.5 else couple[::-1]
        pairs.append((left, right, int(is_same[place])))
    return pairs
