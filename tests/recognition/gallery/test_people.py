from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.errors import GalleryError
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import NewImage, NewPerson
from tests.support.gallery_stubs import PIXEL_CARD, random_person

OTHER_CARD = replace(PIXEL_CARD, fingerprint="f" * 32, run="other/main", folder="/elsewhere/fold0")


@pytest.fixture
def three(gallery: Gallery) -> Gallery:
    people = [random_person(name, seed) for seed, name in enumerate(["Ann", "Béla", "Chi"])]
    gallery.enroll(people, PIXEL_CARD)
    return gallery


def test_everyone_is_listed_by_name(three: Gallery) -> None:
    assert [person.name for person in three.people()] == ["Ann", "Béla", "Chi"]


def test_the_first_enrolment_decides_the_model(three: Gallery) -> None:
    assert three.model() == PIXEL_CARD


def test_another_model_is_refused_with_the_command_that_re_embeds_the_gallery(three: Gallery) -> None:
    with pytest.raises(
        GalleryError,
        match=r"was made by stub/main .* not by other/main .*people re-embed --model /elsewhere/fold0",
    ) as caught:
        three.enroll([random_person("Dora", 9)], OTHER_CARD)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Ann", "ann", "ANN "])
def test_a_taken_name_is_refused(three: Gallery, name: str) -> None:
    with pytest.raises(GalleryError, match=r"'Ann' is enrolled already \(images: 1\); use --add"):
        three.enroll([random_person(name, 9)], PIXEL_CARD)


def test_after_an_error_nobody_of_the_batch_is_enrolled(three: Gallery) -> None:
    with pytest.raises(GalleryError):
        three.enroll([random_person("Dora", 8), random_person("Ann", 9)], PIXEL_CARD)
    assert three.count_people() == 3


def test_more_images_can_be_added(three: Gallery) -> None:
    outcome = three.enroll([random_person("ann", 9, num_images=2)], PIXEL_CARD, "add")[0]
    assert (outcome.person.name, outcome.person.num_images, outcome.num_added) == ("Ann", 3, 2)


def test_images_can_be_replaced(three: Gallery) -> None:
    new = random_person("ann", 9, num_images=2)
    three.enroll([new], PIXEL_CARD, "replace")
    stored = three.embeddings_of(three.person("Ann"))
    assert np.array_equal(stored, np.stack([image.embedding for image in new.images]))


def test_who_is_there_can_be_skipped(three: Gallery) -> None:
    outcome = three.enroll([random_person("ann", 9)], PIXEL_CARD, "skip")[0]
    assert (outcome.num_added, outcome.person.num_images) == (0, 1)


def test_the_same_face_is_kept_once(three: Gallery) -> None:
    outcome = three.enroll([random_person("Ann", 0)], PIXEL_CARD, "add")[0]
    assert (outcome.num_added, outcome.num_known, outcome.person.num_images) == (0, 1, 1)


def test_the_same_face_under_another_name_is_refused(three: Gallery) -> None:
    twin = NewPerson("Twin", random_person("Ann", 0).images)
    with pytest.raises(GalleryError, match="is enrolled already as 'Ann'"):
        three.enroll([twin], PIXEL_CARD)


def test_an_embedding_that_is_not_finite_is_refused(three: Gallery) -> None:
    broken = np.full(256, np.nan, np.float32)
    with pytest.raises(GalleryError, match="not finite"):
        three.enroll([NewPerson("Nan", (NewImage("n.jpg", "n", broken),))], PIXEL_CARD)


def test_an_unknown_name_offers_the_nearest(three: Gallery) -> None:
    with pytest.raises(GalleryError, match="nobody is enrolled as 'Anm'; did you mean 'Ann'"):
        three.person("Anm")


def test_a_person_can_be_renamed_also_in_case_alone(three: Gallery) -> None:
    three.rename("ann", "ANN")
    three.rename("Chi", "Chiara")
    assert [person.name for person in three.people()] == ["ANN", "Béla", "Chiara"]


@pytest.mark.parametrize(
    ("name", "match"), [("béla", "'Béla' is enrolled already"), ("a/b", "must not hold '/'")]
)
def test_a_person_cannot_get_a_taken_or_bad_name(three: Gallery, name: str, match: str) -> None:
    with pytest.raises(GalleryError, match=match):
        three.rename("Ann", name)


def test_who_is_removed_is_gone_and_the_number_is_not_given_again(three: Gallery) -> None:
    number = three.remove("Chi").number
    three.enroll([random_person("Dora", 9)], PIXEL_CARD)
    assert three.find("Chi") is None
    assert three.person("Dora").number > number


def test_of_people_to_remove_all_are_or_none_and_each_once(three: Gallery) -> None:
    before = three.revision()
    with pytest.raises(GalleryError, match="nobody is enrolled as 'Dora'"):
        three.remove_all(["Ann", "Dora"])
    assert (three.count_people(), three.revision()) == (3, before)
    assert three.remove_all(["Ann", "ann", "Béla"]) == ["Ann", "Béla"]
    assert [person.name for person in three.people()] == ["Chi"]
    assert [row.action for row in three.audit()].count("remove") == 2


def test_embeddings_of_another_model_than_the_wanted_one_are_refused(three: Gallery) -> None:
    assert len(three.embeddings_of(three.person("Ann"), PIXEL_CARD)) == 1
    with pytest.raises(GalleryError, match=r"was made by stub/main .* not by other/main"):
        three.embeddings_of(three.person("Ann"), OTHER_CARD)


def test_the_audit_tells_what_was_done_but_forgets_the_names_of_the_removed(three: Gallery) -> None:
    three.rename("Ann", "Anna")
    number = three.person("Anna").number
    three.remove("Anna")
    rows = [(row.action, row.person, row.name) for row in three.audit() if row.person == number]
    assert rows == [("enroll", number, ""), ("rename", number, ""), ("remove", number, "")]


def test_each_change_raises_the_revision_and_a_look_does_not(three: Gallery) -> None:
    before = three.revision()
    three.people()
    three.write_down("identify", [(None, {"score": 0.5})])
    assert three.revision() == before
    three.rename("Ann", "Anna")
    assert three.revision() == before + 1


def test_a_snapshot_is_of_one_moment(three: Gallery) -> None:
    with three.snapshot() as moment:
        three.enroll([random_person("Dora", 9)], PIXEL_CARD)
        numbers = np.concatenate([people for people, _ in moment.blocks])
    assert len(numbers) == moment.num_people == 3


def test_an_empty_gallery_says_how_to_fill_it(gallery: Gallery) -> None:
    with pytest.raises(GalleryError, match=r"nobody is enrolled in .*kaggle-face enroll"), gallery.snapshot():
        pass


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE embeddings SET vector = x'00'", "snapshot"),
        ("UPDATE embeddings SET vector = 'text'", "snapshot"),
        ("UPDATE embeddings SET vector = zeroblob(length(vector) - 4)", "embeddings"),
        ("UPDATE embeddings SET vector = CAST(x'0000c07f' || substr(vector, 5) AS BLOB)", "snapshot"),
        ("UPDATE people SET name = x'05'", "people"),
        ("UPDATE images SET source = x'ff'", "images"),
        ("INSERT INTO pictures SELECT number, 5000000000 FROM images", "picture"),
        ("UPDATE audit SET details = '['", "audit"),
        ("UPDATE audit SET details = '5'", "audit"),
        ("UPDATE audit SET details = NULL WHERE 0; UPDATE audit SET time = x'00'", "audit"),
        ("UPDATE facts SET value = 'x' WHERE name = 'revision'", "revision"),
        ("UPDATE facts SET value = '{}' WHERE name = 'model'", "model"),
        ("UPDATE facts SET value = '[1' WHERE name = 'model'", "model"),
    ],
)
def test_a_row_that_another_program_wrote_is_one_line(gallery: Gallery, statement: str, read: str) -> None:
    gallery.enroll([random_person("Ann", 1)], PIXEL_CARD)
    gallery.write_down("verify", [(gallery.person("Ann"), {"score": 0.5})])
    person = gallery.person("Ann")
    image = gallery.images(person)[0].number
    with sqlite3.connect(gallery.path) as connection:
        connection.executescript(statement)
    connection.close()

    def snapshot() -> None:
        with gallery.snapshot() as moment:
            list(moment.blocks)

    readers = {
        "snapshot": snapshot,
        "embeddings": lambda: gallery.embeddings_of(person),
        "people": gallery.people,
        "images": lambda: gallery.images(person),
        "picture": lambda: gallery.picture(image),
        "audit": gallery.audit,
        "revision": gallery.revision,
        "model": gallery.model,
    }
    with pytest.raises(GalleryError, match="is damaged") as caught:
        readers[read]()
    assert "\n" not in str(caught.value)
