"""The types of a model card and of an exported file's description, which are checked without pydantic."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from kaggle_face.artifacts.model_fields import CARD, EXPORT, check_fields
from kaggle_face.errors import RunError

THRESHOLD = {"name": "eer", "value": 0.5, "fpr": 0.1, "fnr": None, "num_different": 3, "num_same": 2}
CARD_VALUES: dict[str, Any] = {
    "fingerprint": "a1",
    "run": "config/run",
    "fold": 0,
    "checkpoint": "best_ver",
    "folder": "runs/config/run/fold0",
    "image_size": 112,
    "embedding_size": 512,
    "thresholds": [THRESHOLD],
}
EXPORT_VALUES: dict[str, Any] = {
    **{name: value for name, value in CARD_VALUES.items() if name != "folder"},
    "format": 1,
    "checksum": "0" * 32,
    "precision": "int8",
    "networks": [{"name": "config/run/fold0@best_ver", "weights": "0123abcd", "share": 1}],
    "averaging": "flip",
    "embedding_size": 0,
    "classes": ["An\u00e9"],
    "version": "0.1.0",
    "input": "uint8",
}


def _fault_of(values: object, is_card: bool = True) -> str:
    with pytest.raises(RunError) as error:
        check_fields(values, CARD if is_card else EXPORT, "a card", "make another")
    return str(error.value)


def test_what_this_package_writes_passes() -> None:
    check_fields(CARD_VALUES, CARD, "a card", "make another")
    check_fields(EXPORT_VALUES, EXPORT, "a card", "make another")


@pytest.mark.parametrize("name", sorted(CARD_VALUES))
def test_every_field_of_a_card_must_be_there(name: str) -> None:
    rest = {key: value for key, value in CARD_VALUES.items() if key != name}
    assert _fault_of(rest) == f"a card: {name} must be there; make another"


@pytest.mark.parametrize("name", sorted(EXPORT_VALUES))
def test_every_field_of_an_export_must_be_there(name: str) -> None:
    rest = {key: value for key, value in EXPORT_VALUES.items() if key != name}
    assert _fault_of(rest, is_card=False) == f"a card: {name} must be there; make another"


@pytest.mark.parametrize("wrong", [None, True, b"", 3.5, 10**30, -1, {"a": 1}, [[]], "\ud800"])
@pytest.mark.parametrize("name", sorted(EXPORT_VALUES))
def test_a_value_of_another_type_is_one_line_that_names_it(name: str, wrong: object) -> None:
    fault = _fault_of({**EXPORT_VALUES, name: wrong}, is_card=False)
    assert fault.startswith(f"a card: {name}") and "\n" not in fault
    assert fault.isprintable()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"value": "0.5"}, "thresholds.0.value must be a finite number, got '0.5'"),
        ({"value": float("nan")}, "thresholds.0.value must be a finite number, got nan"),
        ({"value": True}, "thresholds.0.value must be a finite number, got True"),
        ({"num_same": -1}, f"thresholds.0.num_same must be a whole number from 0 to {2**63 - 1}, got -1"),
        ({"color": 1}, "thresholds.0.color must not be there, got 1"),
    ],
)
def test_a_fault_inside_a_list_has_its_place(changes: dict[str, Any], named: str) -> None:
    values = {**CARD_VALUES, "thresholds": [{**THRESHOLD, **changes}]}
    assert _fault_of(values) == f"a card: {named}; make another"


def test_a_card_has_no_other_fields_and_an_export_may() -> None:
    assert _fault_of({**CARD_VALUES, "color": 1}) == "a card: color must not be there, got 1; make another"
    check_fields({**EXPORT_VALUES, "color": 1}, EXPORT, "a card", "make another")


@pytest.mark.parametrize("values", [[], "x", None])
def test_what_is_not_an_object_is_refused(values: object) -> None:
    assert "it must be a part with 'key: value' lines" in _fault_of(values)


def test_a_card_is_read_without_pydantic() -> None:
    script = (
        "import sys; from kaggle_face.recognition.gallery.model_card import card_from_text; "
        "print(card_from_text(sys.argv[1]).run, 'pydantic' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, json.dumps(CARD_VALUES)], capture_output=True, text=True, check=True
    )
    assert found.stdout == "config/run False\n"
