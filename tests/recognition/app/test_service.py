from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.errors import DataError, GalleryError, InputError
from kaggle_face.recognition.app import service as service_module
from kaggle_face.recognition.app.service import Service
from kaggle_face.recognition.detection.mtcnn import DetectedFace
from kaggle_face.recognition.detection.pictures import NoFaceError
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.recognizer import Recognizer
from tests.support.gallery_stubs import PIXEL_CARD, invented_face, jpeg_of, random_person


def key_of(service: Service, person: int, picture: int = 1) -> str:
    """The key of the one face of an invented person's picture."""
    key: str = service.find_faces(jpeg_of(invented_face(person, picture)), "p.jpg", aligned=False)["faces"][
        0
    ]["key"]
    return key


def test_a_found_face_comes_with_its_box_and_its_crop(service: Service, seen_people: list[int]) -> None:
    found = service.find_faces(jpeg_of(invented_face(seen_people[0], 1)), "p.jpg", aligned=False)["faces"]
    assert len(found) == 1
    left, top, width, height = found[0]["box"]
    assert 0 < left < left + width < 1
    assert 0 < top < top + height < 1
    assert found[0]["crop"].startswith("data:image/png;base64,")


class EdgeDetector:
    """Finds one face whose box begins above and left of the picture and ends beyond its right edge."""

    def detect(self, picture: np.ndarray) -> list[DetectedFace]:
        height, width = picture.shape[:2]
        eyes_nose_mouth = np.array([[0.3, 0.3], [0.7, 0.3], [0.5, 0.5], [0.35, 0.7], [0.65, 0.7]])
        box = np.array([-0.25 * width, -0.1 * height, 1.5 * width, 0.5 * height], np.float32)
        return [DetectedFace(box, (eyes_nose_mouth * (width, height)).astype(np.float32), 0.99)]


def test_the_box_of_a_face_at_the_edge_stays_in_the_picture(recognizer: Recognizer) -> None:
    service = Service(recognizer, EdgeDetector())
    found = service.find_faces(jpeg_of(invented_face(1, 1)), "p.jpg", aligned=False)["faces"]
    assert found[0]["box"] == [0, 0, 1, 0.5]


def test_pictures_are_kept_by_choice_shown_and_removed(service: Service, gallery: Gallery) -> None:
    crops = [jpeg_of(invented_face(1, picture, 112)) for picture in (0, 1)]
    first, second = [
        service.find_faces(crop, f"{number}.jpg", aligned=True)["faces"][0]["key"]
        for number, crop in enumerate(crops)
    ]
    enrolled = service.enroll({"name": "Ann", "faces": [first]})["person"]
    service.enroll({"name": "Ann", "faces": [second], "on_conflict": "add", "keep_pictures": False})
    shown = service.pictures(str(enrolled["number"]))["pictures"]
    assert [(one["source"], one["kept"]) for one in shown] == [("0.jpg", True), ("1.jpg", False)]
    assert service.picture(shown[1]["number"]) is None
    removed = service.remove_picture({"name": "Ann", "picture": shown[0]["number"]})
    assert (removed["person"]["images"], removed["person"]["picture"]) == (1, None)
    assert service.picture(shown[0]["number"]) is None


def test_a_crop_that_is_aligned_has_no_box(service: Service) -> None:
    found = service.find_faces(jpeg_of(invented_face(1, 0, 112)), "crop.jpg", aligned=True)["faces"]
    assert [face["box"] for face in found] == [None]


def test_what_is_enrolled_is_identified_and_verified(service: Service, seen_people: list[int]) -> None:
    enrolled = service.enroll({"name": "Ann", "faces": [key_of(service, seen_people[0])]})
    assert (enrolled["person"]["name"], enrolled["added"]) == ("Ann", 1)
    again = key_of(service, seen_people[0])
    assert service.identify({"face": again})["person"]["name"] == "Ann"
    assert service.verify({"face": again, "name": "ann"})["accepted"]
    other = key_of(service, seen_people[1])
    assert service.verify({"face": again, "other": other, "threshold": "0.99"})["accepted"] is False


def test_the_same_threshold_decides_as_on_the_command_line(service: Service, seen_people: list[int]) -> None:
    service.enroll({"name": "Ann", "faces": [key_of(service, seen_people[0])]})
    answer = service.identify({"face": key_of(service, seen_people[0]), "threshold": "fpr-1e-2"})
    assert answer["threshold"]["value"] == PIXEL_CARD.threshold("fpr-1e-2").value


def test_only_the_latest_faces_are_kept_in_memory(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "_KEPT_FACES", 2)
    crops = [jpeg_of(invented_face(person, 0, 112)) for person in range(3)]
    keys = [service.find_faces(crop, "c.jpg", aligned=True)["faces"][0]["key"] for crop in crops]
    with pytest.raises(DataError, match="no longer in memory"):
        service.enroll({"name": "Ann", "faces": [keys[0]]})
    service.enroll({"name": "Ann", "faces": keys[1:]})


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"name": "Ann"},
        {"name": "Ann", "faces": []},
        {"name": "Ann", "faces": "abc"},
        {"name": "Ann", "faces": [7]},
        {"name": "Ann", "faces": ["unknown"]},
        {"name": None, "faces": ["unknown"]},
    ],
)
def test_a_question_that_makes_no_sense_is_an_error_of_one_line(
    service: Service, wanted: dict[str, object]
) -> None:
    with pytest.raises(InputError) as caught:
        service.enroll(wanted)
    assert "\n" not in str(caught.value)


def test_a_bad_name_and_a_taken_one_are_refused(service: Service, seen_people: list[int]) -> None:
    key = key_of(service, seen_people[0])
    with pytest.raises(GalleryError, match="must not hold '<'"):
        service.enroll({"name": "<b>Ann</b>", "faces": [key]})
    service.enroll({"name": "Ann", "faces": [key]})
    with pytest.raises(GalleryError, match="is enrolled already"):
        service.enroll({"name": "ANN", "faces": [key_of(service, seen_people[1])]})


def test_a_picture_without_a_face_is_refused(service: Service) -> None:
    with pytest.raises(NoFaceError, match="no face was found"):
        service.find_faces(jpeg_of(np.full((200, 200, 3), 90, np.uint8)), "wall.jpg", aligned=False)


def test_people_are_found_by_a_part_of_their_name(service: Service, gallery: Gallery) -> None:
    gallery.enroll([random_person(f"Person {number:03}", number) for number in range(80)], PIXEL_CARD)
    everyone, few = service.people(""), service.people("PERSON 07")
    assert (everyone["all"], everyone["found"], len(everyone["people"])) == (
        80,
        80,
        service_module._PEOPLE_SHOWN,
    )
    assert (few["all"], few["found"]) == (80, 10)


def test_people_are_renamed_and_removed(service: Service, gallery: Gallery) -> None:
    gallery.enroll([random_person("Ann", 0)], PIXEL_CARD)
    assert service.rename({"name": "Ann", "new_name": "Anna"})["person"]["name"] == "Anna"
    assert service.remove({"name": "Anna"}) == {"removed": "Anna"}
    assert service.state()["people"] == 0
