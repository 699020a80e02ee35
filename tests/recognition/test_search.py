from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.metrics.similarity import normalized
from kaggle_face.recognition import search
from kaggle_face.recognition.gallery import tables as people_tables
from kaggle_face.recognition.gallery.copies import cache_folder
from kaggle_face.recognition.gallery.database import raise_revision
from kaggle_face.recognition.gallery.images import remove_images
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import Snapshot, delete_person
from kaggle_face.recognition.search import (
    ExactIndex,
    Prototypes,
    open_index,
    read_prototypes,
    search_people,
)
from tests.support.gallery_stubs import PIXEL_CARD, random_person


def directions_of(rng: np.random.Generator, count: int, size: int = 32) -> np.ndarray:
    return normalized(rng.normal(size=(count, size)))


@pytest.mark.parametrize("block_bytes", [4 * 32, 4 * 32 * 7, 2**24])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_the_nearest_are_those_of_a_full_sort(
    monkeypatch: pytest.MonkeyPatch, block_bytes: int, k: int
) -> None:
    monkeypatch.setattr(search, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    vectors, queries = directions_of(rng, 60), directions_of(rng, 4)
    scores, rows = ExactIndex(vectors).search(queries, k)
    expected = np.argsort(-(queries.astype(np.float64) @ vectors.T), axis=1)[:, :k]
    assert rows.tolist() == expected.tolist()
    assert scores == pytest.approx(np.take_along_axis(queries @ vectors.T, expected, axis=1), abs=1e-6)


def test_a_person_is_the_mean_of_the_normalised_images(gallery: Gallery) -> None:
    many = random_person("Many", 0, num_images=3)
    gallery.enroll([many, random_person("One", 1)], PIXEL_CARD)
    found = read_prototypes(gallery)
    mean = np.mean([image.embedding / np.linalg.norm(image.embedding) for image in many.images], axis=0)
    assert found.vectors[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert found.numbers.tolist() == [gallery.person("Many").number, gallery.person("One").number]


def test_a_person_whose_images_lie_in_two_blocks_is_one(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.enroll([random_person(f"p{number}", number, num_images=3) for number in range(5)], PIXEL_CARD)
    whole = read_prototypes(gallery).vectors.copy()
    shutil.rmtree(cache_folder(gallery.path))
    monkeypatch.setattr(people_tables, "_ROWS_AT_ONCE", 2)
    assert read_prototypes(gallery).vectors == pytest.approx(whole, abs=1e-6)


def test_the_cache_is_never_older_than_the_gallery(gallery: Gallery) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    assert len(read_prototypes(gallery)) == 1
    gallery.enroll([random_person("Bob", 1)], PIXEL_CARD)
    assert len(read_prototypes(gallery)) == 2
    gallery.remove("Ann")
    found = read_prototypes(gallery)
    assert found.numbers.tolist() == [gallery.person("Bob").number]


def test_only_the_newest_copy_is_kept(gallery: Gallery) -> None:
    for seed in range(3):
        gallery.enroll([random_person(f"p{seed}", seed)], PIXEL_CARD)
        read_prototypes(gallery)
    assert len(list(cache_folder(gallery.path).iterdir())) == 1


@pytest.mark.parametrize("damage", ["deleted", "truncated", "half"])
def test_a_damaged_cache_is_made_anew(gallery: Gallery, damage: str) -> None:
    gallery.enroll([random_person("Ann", 0), random_person("Bob", 1)], PIXEL_CARD)
    before = read_prototypes(gallery).vectors.copy()
    copy = next(cache_folder(gallery.path).iterdir())
    if damage == "deleted":
        shutil.rmtree(copy)
    elif damage == "truncated":
        (copy / "vectors.npy").write_bytes(b"\x93NUMPY")
    else:
        (copy / "numbers.npy").unlink()
    assert np.array_equal(read_prototypes(gallery).vectors, before)


def test_a_copy_of_another_gallery_at_the_same_place_is_not_taken(gallery: Gallery) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    read_prototypes(gallery)
    for file in gallery.path.parent.glob("gallery.sqlite*"):
        if file.is_file():
            file.unlink()
    other = Gallery(gallery.path, create=True)
    other.enroll([random_person("Bob", 1)], PIXEL_CARD)
    found = read_prototypes(other).vectors[0]
    assert found == pytest.approx(random_person("Bob", 1).images[0].embedding, abs=1e-6)


def test_after_a_copy_of_the_gallery_is_put_back_the_same_revision_is_not_the_same_people(
    gallery: Gallery,
) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    gallery.file().forget_deleted()  # the log is in the file now
    content = gallery.path.read_bytes()
    gallery.enroll([random_person("Bob", 1)], PIXEL_CARD)
    revision, number = gallery.revision(), gallery.person("Bob").number
    read_prototypes(gallery)
    gallery.file().forget_deleted()
    read_prototypes(gallery)
    gallery.path.write_bytes(content)
    gallery.enroll([random_person("Cid", 2)], PIXEL_CARD)
    assert (gallery.revision(), gallery.person("Cid").number) == (revision, number)
    found = read_prototypes(gallery).vectors[1]
    assert found == pytest.approx(random_person("Cid", 2).images[0].embedding, abs=1e-6)


def test_a_gallery_of_before_there_were_tokens_is_searched(gallery: Gallery) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    with gallery.file().writing() as connection:
        connection.execute("DELETE FROM facts WHERE name = 'token'")
    assert len(read_prototypes(Gallery(gallery.path))) == 1
    gallery.enroll([random_person("Bob", 1)], PIXEL_CARD)
    assert len(read_prototypes(gallery)) == 2


def copied_bytes(gallery: Gallery) -> bytes:
    return b"".join(file.read_bytes() for file in cache_folder(gallery.path).rglob("*") if file.is_file())


@pytest.mark.parametrize("change", ["remove", "replace", "remove-picture"])
def test_who_is_removed_is_in_no_copy(gallery: Gallery, change: str) -> None:
    gone, other = random_person("Ann", 0, num_images=2), random_person("Bob", 1)
    gallery.enroll([gone, other], PIXEL_CARD)
    vector = np.array(read_prototypes(gallery).vectors[0]).tobytes()
    assert vector in copied_bytes(gallery)
    match change:
        case "remove":
            gallery.remove("Ann")
        case "replace":
            gallery.enroll([random_person("Ann", 2)], PIXEL_CARD, "replace")
        case _:
            remove_images(gallery, "Ann", [1])
    assert copied_bytes(gallery) == b""


def test_a_copy_of_before_a_removal_that_came_meanwhile_is_not_left(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.enroll([random_person("Ann", 0), random_person("Bob", 1)], PIXEL_CARD)
    read_copy = search._read_copy

    def removing(folder: Path, moment: Snapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = read_copy(folder, moment)
        if gallery.count_people() == 2:
            with gallery.file().writing() as connection:
                delete_person(connection, gallery.person("Ann"))
                raise_revision(connection)
        return found

    monkeypatch.setattr(search, "_read_copy", removing)
    assert len(read_prototypes(gallery)) == 2
    assert copied_bytes(gallery) == b""


def test_an_open_copy_survives_its_replacement(gallery: Gallery) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    old = read_prototypes(gallery)
    gallery.enroll([random_person("Bob", 1)], PIXEL_CARD)
    read_prototypes(gallery)
    scores = search_people(old, ExactIndex(old.vectors), np.array(old.vectors), 5).scores
    assert scores.tolist() == [[pytest.approx(1.0)]]


def test_false_alarms_are_counted_with_the_enrolled_as_impostors(gallery: Gallery) -> None:
    gallery.enroll([random_person(f"p{number}", number) for number in range(40)], PIXEL_CARD)
    found = read_prototypes(gallery)
    similarity = found.vectors @ found.vectors.T
    np.fill_diagonal(similarity, -1.0)
    best = similarity.max(axis=1)
    threshold = float(np.median(best))
    assert found.false_alarm_rate(threshold) == pytest.approx(np.mean(best >= threshold))
    assert found.false_alarm_rate(1.0) == 0.0


def test_nobody_can_be_mistaken_where_there_is_only_one(gallery: Gallery) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    assert read_prototypes(gallery).false_alarm_rate(0.5) is None


def test_more_people_than_exact_search_takes_need_faiss_or_the_wish_for_exactness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = directions_of(np.random.default_rng(0), 200)
    many = Prototypes(np.arange(200), vectors, np.empty(0, np.float32), "", PIXEL_CARD)
    monkeypatch.setattr(search, "MOST_PEOPLE_EXACT", 100)
    assert not isinstance(open_index(many), ExactIndex)
    assert isinstance(open_index(many, exact=True), ExactIndex)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("vectors", np.zeros((2, 255), np.float32)),
        ("vectors", np.zeros((2, 256), np.int64)),
        ("numbers", np.zeros(3, np.int64)),
        ("numbers", np.zeros(2, np.float32)),
        ("impostor_scores", np.zeros(())),
        ("impostor_scores", np.array(["a", "b"])),
    ],
)
def test_a_copy_that_does_not_fit_the_gallery_is_made_anew(
    gallery: Gallery, name: str, array: np.ndarray
) -> None:
    gallery.enroll([random_person("Ann", 0), random_person("Béla", 1)], PIXEL_CARD)
    before = read_prototypes(gallery).vectors.copy()
    (folder,) = cache_folder(gallery.path).iterdir()
    np.save(folder / f"{name}.npy", array)
    found = read_prototypes(gallery)
    assert np.array_equal(found.vectors, before) and len(found.numbers) == 2
