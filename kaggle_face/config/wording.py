"""Expected values in plain words, for the errors of settings and of JSON files."""

from __future__ import annotations

from pydantic_core import ErrorDetails

_MOST_CHARACTERS = 100

_EXPECTED = {
    "float_type": "be a number",
    "finite_number": "be a finite number",
    "int_type": "be a whole number",
    "int_from_float": "be a whole number",
    "bool_type": "be true or false",
    "string_type": "be text",
    "tuple_type": "be a list",
    "list_type": "be a list",
    "dict_type": "be a part with 'key: value' lines",
    "model_type": "be a part with 'key: value' lines",
    "mapping_type": "be a part with 'key: value' lines",
    "none_required": "be null",
    "missing": "be there",
}


def expected(kind: str, message: str) -> str:
    """The end of `<key> must ...` for an error of pydantic.

    >>> expected("float_type", "Input should be a valid number")
    'be a number'
    """
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    return message.removeprefix("Input should ").removeprefix("String should ")


def shown(value: object) -> str:
    """A value as an error shows it: what is long is cut.

    >>> shown("a"), len(shown("a" * 1000))
    ("'a'", 100)
    """
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = f"a {type(value).__name__} with a very long number"
    if "\n" in text:  # of an array or a frame
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


def describe_mismatch(detail: ErrorDetails) -> str:
    """The fault of a value of a JSON file, under its full name."""
    name = ".".join(str(key) for key in detail["loc"])
    text = f"{name} must {expected(detail['type'], detail['msg'])}"
    return text if detail["type"] == "missing" else f"{text}, got {shown(detail['input'])}"
