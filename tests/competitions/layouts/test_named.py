from __future__ import annotations

import pytest

from kaggle_face.competitions.detection import detect_competition
from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.layouts.layout import example_of
from kaggle_face.competitions.layouts.named import LAYOUTS, find_layout, layout_named
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.errors import ConfigError

EXAMPLES = [(layout.name, variant) for layout in LAYOUTS for variant in layout.examples]
# The files of spring 2023 are those of fall 2023.
OF_OTHER_FILES = [example for example in EXAMPLES if example != ("gallery", "s23")]


@pytest.mark.parametrize(("name", "variant"), OF_OTHER_FILES)
def test_the_example_of_a_layout_is_detected_as_that_layout_and_variant(tree, name, variant):
    tree.example(layout_named(name).examples[variant])
    seen = detect_competition(map_folder(tree.root), CompetitionConfig(slug="mine"))
    assert (seen.layout, seen.variant, seen.missing) == (name, variant, ())


@pytest.mark.parametrize(("name", "variant"), EXAMPLES)
def test_the_example_of_a_layout_is_read_to_the_rows_that_it_shows(tree, name, variant):
    example = layout_named(name).examples[variant]
    data = tree.example(example).read(layout=name, variant=variant)
    known_test = "4 of 4 test images have a known class"  # of fall 2020
    assert [note for note in data.notes if not note.startswith(known_test)] == []
    assert len(data.classes) >= 2 and len(data.faces.of_split("train")) >= 2
    assert data.test_rows.row_ids.tolist() == [row.partition(",")[0] for row in example.classification]
    if example.verification:
        ids = data.test_pairs.pair_ids if data.test_gallery is None else data.test_gallery.probe_ids
        assert ids.tolist() == [row.partition(",")[0] for row in example.verification]
    elif data.test_gallery is not None:
        assert data.test_gallery.probe_ids.tolist() == data.test_rows.row_ids.tolist()


@pytest.mark.parametrize(("name", "variant"), EXAMPLES)
def test_the_shown_rows_have_a_cell_for_each_column(name, variant):
    layout = layout_named(name)
    formats = layout.formats(variant)
    for form, rows in (
        (formats.classification, layout.examples[variant].classification),
        (formats.verification, layout.examples[variant].verification),
    ):
        assert {len(row.split(",")) for row in rows} == (set() if form is None else {len(form.columns)})


def test_a_layout_is_found_by_its_name_and_by_the_letter_that_it_had():
    letters = {"A": "thumbnails", "B": "listed_pairs", "C": "csv_pairs", "D": "gallery", "E": "pair_text"}
    assert {letter: layout_named(letter).name for letter in letters} == letters
    assert [layout_named(layout.name) for layout in LAYOUTS] == list(LAYOUTS)
    assert layout_named("topk").name == "top_k"


def test_another_name_is_refused_with_all_that_there_are():
    assert find_layout("faces") is None
    with pytest.raises(ConfigError, match=r"there is no layout 'faces'; known: auto, thumbnails, listed_"):
        layout_named("faces")


def test_a_variant_without_files_of_its_own_has_the_first_example():
    layout = layout_named("pair_text")
    assert example_of(layout, "f26") == layout.examples["s25"]
    assert example_of(layout, "f24") == layout.examples["f24"]
