from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from kaggle_face.artifacts.tables import as_text
from kaggle_face.cli.main import main
from kaggle_face.competitions.detection import detect_competition, resolve_competition
from kaggle_face.competitions.files.folders import FolderMap, map_folder
from kaggle_face.competitions.layouts import named
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_classes,
    label_faces,
    rows_by_name,
)
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.reading import submission_formats
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.competitions.submission.tables import classification_columns, fill_table
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import SubmitConfig
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.records import ClassTable, CompetitionData, Predictions, no_pairs

EVERY_LAYOUT = [
    ("thumbnails", "thumbnails", "s20"),
    ("listed_pairs", "listed_pairs", "s21"),
    ("csv_pairs", "csv_pairs", "s22"),
    ("known_people", "gallery", "f23"),
    ("class_folders", "pair_text", "f24"),
    ("labelled_splits", "pair_text", "s25"),
    ("families", "kinship", "families"),
    ("whales", "top_k", "happywhale"),
]


@pytest.mark.parametrize(("fixture", "layout", "variant"), EVERY_LAYOUT)
def test_a_layout_is_detected_from_its_files(request, fixture, layout, variant):
    tree = request.getfixturevalue(fixture)
    seen = detect_competition(map_folder(tree.root), CompetitionConfig(slug="mine"))
    assert (seen.layout, seen.variant) == (layout, variant)


@pytest.mark.parametrize(("fixture", "layout", "variant"), EVERY_LAYOUT)
def test_a_layout_is_detected_one_folder_further_down(request, fixture, layout, variant):
    tree = request.getfixturevalue(fixture)
    moved = tree.root.parent / "outer"
    moved.mkdir()
    tree.root.rename(moved / "hw2p2")
    assert detect_competition(map_folder(moved), CompetitionConfig(slug="mine")).layout == layout


def test_a_tree_of_another_layout_is_named_with_what_is_missing(known_people):
    slug = "11785-hw-2-p-2-face-verification-spring-2025"
    message = (
        r"does not have the layout pair_text .*missing: cls_data/train/, .*it looks like the layout gallery "
        r".*competition.layout=gallery; an example: kaggle-face competitions show pair_text"
    )
    with pytest.raises(DataError, match=message):
        known_people.read(slug=slug)


@pytest.mark.parametrize("name", ["thumbnails", "A"])
def test_a_forced_layout_must_fit(labelled_splits, name):
    message = r"does not have the layout thumbnails .*missing: train_data/medium/ .* layout pair_text"
    with pytest.raises(DataError, match=message):
        labelled_splits.read(layout=name)


def test_a_folder_of_no_layout_is_refused_with_the_nearest(tree):
    tree.images("cls_data/train/n1/a.jpg", "ver_data/b.jpg")
    with pytest.raises(DataError, match=r"not have the layout pair_text .*missing: val_pairs.txt or test_"):
        tree.read()


def test_an_empty_folder_is_refused(tree):
    tree.root.mkdir()
    with pytest.raises(DataError, match=r"check data.root, or unpack the archives below it"):
        tree.read()


def test_a_variant_that_does_not_exist_is_refused(labelled_splits):
    with pytest.raises(ConfigError, match=r"layout pair_text has no variant 's52'; did you mean 's26' or"):
        labelled_splits.read(variant="s52")


def test_a_folder_without_anything_known_is_refused_without_a_guess(tree):
    tree.text("notes/readme.txt", "nothing here")
    with pytest.raises(DataError, match="holds nothing of any known layout"):
        tree.read()


def test_a_layout_that_does_not_exist_is_refused_with_the_nearest(labelled_splits):
    with pytest.raises(ConfigError, match=r"there is no layout 'pair_txt'; did you mean 'pair_text'"):
        labelled_splits.read(layout="pair_txt")


def test_a_letter_and_the_name_of_its_layout_are_the_same_in_settings_and_records():
    letter, name = CompetitionConfig(layout="D"), CompetitionConfig(layout="gallery")
    assert letter == name
    assert letter.model_dump(mode="json")["layout"] == "D"  # as records of earlier versions hold it


def test_the_layout_and_the_variant_of_a_known_slug_need_no_folder(tmp_path):
    competition = CompetitionConfig(slug="11-785-s23-hw2p2-classification")
    found = resolve_competition(tmp_path / "gone", competition)
    assert (found.layout, found.variant) == ("gallery", "s23")


class Portraits:
    """A layout that is not known: `people/<class>/`, `unnamed/`."""

    name = "portraits"
    title = "people/<class>/, unnamed/"
    variants = ("first",)
    examples: Mapping[str, Example] = {
        "first": Example("people/{ann,bob}/{1,2}.jpg\nunnamed/{3,4}.jpg", ("3.jpg,ann", "4.jpg,bob"))
    }

    def detect(self, tree: FolderMap) -> Detection:
        places = {"people/": tree.folder("people"), "unnamed/": tree.folder("unnamed")}
        return Detection.of_places(self.name, "first", places, places)

    def read(self, source: Source) -> CompetitionData:
        people = source.images.of_classes("people")
        names = as_text(sorted(people))
        classes = ClassTable(names, names)
        test = ImageGroup("test", source.images.below("unnamed"))
        faces = label_faces([group_of_classes("train", people), test], classes)
        return CompetitionData(faces, classes, rows_by_name(test), no_pairs(), no_pairs())

    def formats(self, variant: str) -> SubmissionFormats:
        return SubmissionFormats(table_format("classification", ("file", "person"), ("{id}", "{label}")))


def test_a_new_layout_is_one_class_and_one_line(tree, monkeypatch, capsys):
    monkeypatch.setattr(named, "LAYOUTS", (*named.LAYOUTS, Portraits()))
    tree.example(Portraits.examples["first"])
    seen = detect_competition(map_folder(tree.root), CompetitionConfig(slug="mine"))
    assert (seen.layout, seen.variant) == ("portraits", "first")
    for layout in ("auto", "portraits"):
        data = tree.read(layout=layout)
        assert data.classes.names.tolist() == ["ann", "bob"]
        competition = CompetitionConfig(slug="mine", layout=layout)
        form = submission_formats(tree.root, competition, SubmitConfig()).of_task("classification")
        logits = np.array([[0.1, 0.9], [0.8, 0.2]], np.float32)
        predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
        table = fill_table(form, [classification_columns(data, predictions)])
        assert table.columns == ("file", "person")
        assert table.cells["person"].tolist() == ["bob", "ann"]
    assert main(["competitions", "show", "portraits"]) == 0
    assert "  people/{ann,bob}/{1,2}.jpg\n" in capsys.readouterr().out
