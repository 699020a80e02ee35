"""Arguments of public calls: those of a wrong type are refused in one line, and errors name arguments.

What is meant where neither a call nor a command names settings or a gallery stands here too.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, wraps
from os import PathLike
from types import GenericAlias, SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from kaggle_face.errors import ConfigError, InputError
from kaggle_face.hints import PROGRAM

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)

_KINDS = {
    "dict_type": "a mapping",
    "frozen_set_type": "a set",
    "list_type": "a list",
    "sequence_str": "a list",
    "set_type": "a set",
}
"""Kinds of errors of pydantic whose words are those of settings, or do not fit Python."""
_NOUNS = {
    "BaseStorage": "storage of Optuna",
    "Exportable": "Run or Blend",
    "Path": "path",
    "PathLike": "path",
    "Sequence": "list",
    "Tensor": "tensor",
}
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)(?: ('[^']*'|[^\s;,]+(?:,[^\s;,]+)*))?")
"""An option of the command line, and the word behind it, which may be its value."""
_LONGEST_NAME = 255
"""Bytes of a file's name, on the usual disks."""
_VALUES = frozenset(("none", "first", "last", "test", "skip", "index", "name", "number"))
"""Words that are values of options of `init`."""
_RENAMED = {"force": "replace"}


def default_config() -> str:
    """The settings that are meant where none are named: those of `KAGGLE_FACE_CONFIG`, or `demo`."""
    return os.environ.get("KAGGLE_FACE_CONFIG", "demo")


def default_gallery() -> str:
    """The gallery that is meant where none is named: that of `KAGGLE_FACE_GALLERY`, or `gallery.sqlite`."""
    return os.environ.get("KAGGLE_FACE_GALLERY", "gallery.sqlite")


def checked(function: _Function) -> _Function:
    """A public function that refuses arguments of other types than its annotations name.

    Numbers and arrays of NumPy and pandas are handed on as those of Python where these are wanted. Where an
    error of the function names an option of the command line, it names the argument.

    Raises:
        InputError: By the function that is returned, where a value does not have the type of its argument.

    >>> @checked
    ... def train(folds: int | list[int] = 0) -> None: ...
    >>> train("first")
    Traceback (most recent call last):
    kaggle_face.errors.InputError: train(folds=...) must be a whole number or a list, got 'first'
    """
    signature = inspect.signature(function)
    defaults = {name: each.default for name, each in signature.parameters.items()}

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if name != "self" and value is not defaults[name]:
                bound.arguments[name] = _of_its_type(value, function, name, _called(function, args))
        try:
            return function(*bound.args, **bound.kwargs)
        except InputError as error:
            error.args = (_naming_arguments(str(error), function), *error.args[1:])
            raise

    return call  # type: ignore[return-value]


def checked_methods(kind: _Class) -> _Class:
    """A class whose public methods are `checked`."""
    for name, member in list(vars(kind).items()):
        if inspect.isfunction(member) and not name.startswith("_"):
            setattr(kind, name, checked(member))
    return kind


def check_fields(values: Mapping[str, Any], kind: type, name: str) -> None:
    """Checks values that are to become fields of a dataclass; unknown names are left to it.

    Raises:
        ConfigError: A value does not have the type of its field.
    """
    for key in values.keys() & kind.__annotations__.keys():
        if isinstance(values[key], bytes | bytearray):  # taken for text by what is not strict
            raise ConfigError(f"'{key}' of {name} must be text, got {type(values[key]).__name__}")
        try:
            _adapter(kind, key).validate_python((values[key],))
        except _validation_error() as error:
            raise ConfigError(_mismatch(f"'{key}' of {name}", values[key], error)) from None


def _called(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """The name in a call: of the object's class for a constructor, which a subclass may inherit."""
    owner = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
    lineage = [each.__name__ for each in type(args[0]).__mro__] if args else []
    return lineage[0] if function.__name__ == "__init__" and owner in lineage else owner


def _of_its_type(value: Any, function: Callable[..., Any], name: str, called: str) -> Any:
    error = None
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    elif isinstance(value, str | PathLike) and "Path" in function.__annotations__[name]:
        _require_path(value, f"{called}({name}=...)")
    for candidate in _readings(value):
        try:
            _adapter(function, name).validate_python((candidate,), strict=True)
        except _validation_error() as mismatch:
            error = error or mismatch
        else:
            return candidate
    assert error is not None
    is_of_runs = re.search(r"\bRun\b", function.__annotations__[name])
    hint = "; project.run(name) gives a Run" if is_of_runs else ""
    raise InputError(_mismatch(f"{called}({name}=...)", value, error) + hint) from None


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy and pandas, ranges and sets, as numbers, lists and frozen sets."""
    if isinstance(value, list | tuple | range):
        return [*map(_plain, value)]
    if isinstance(value, set | frozenset):  # pydantic takes an abstract set for a frozen one
        return frozenset(map(_plain, value))
    is_foreign = type(value).__module__.partition(".")[0] in ("numpy", "pandas")
    return value.tolist() if is_foreign and hasattr(value, "tolist") else value


def _readings(value: Any) -> Iterator[Any]:
    """The value, and what it may be read as where its own type is not the wanted one."""
    yield value
    plain = _plain(value)
    yield plain
    if isinstance(plain, frozenset) and all(type(each) is int for each in plain):
        yield sorted(plain)  # other sets have no order


def _require_path(value: str | PathLike[str], what: str) -> None:
    """Refuses what the system takes for no path of a file.

    Raises:
        InputError: A name in it is too long, or holds NUL or a character that no file name can.
    """
    text = str(value)
    try:
        is_path = "\0" not in text and all(
            len(os.fsencode(part)) <= _LONGEST_NAME for part in re.split(r"[/\\]", text)
        )
    except UnicodeEncodeError:
        is_path = False
    if not is_path:
        from kaggle_face.config.wording import shown

        raise InputError(f"{what} cannot be a path: {shown(text)}")


def _validation_error() -> type[ValidationError]:
    from pydantic import ValidationError

    return ValidationError


@cache
def _adapter(owner: Any, name: str) -> TypeAdapter[Any]:
    """The check of one argument or field, in a tuple because dataclasses alone take no `config`."""
    from pydantic import ConfigDict, TypeAdapter

    in_tuple: Any = GenericAlias(tuple, (_hint(owner, name),))
    return TypeAdapter(in_tuple, config=ConfigDict(arbitrary_types_allowed=True))


def _hint(owner: Any, name: str) -> Any:
    """The annotation of one name alone: those of results may name what is imported for type checkers."""
    alone = SimpleNamespace(__annotations__={name: owner.__annotations__[name]})
    return get_type_hints(alone, vars(sys.modules[owner.__module__]))[name]


def _mismatch(what: str, value: Any, error: ValidationError) -> str:
    """The expected type of a value, or of its first item that is wrong."""
    from kaggle_face.config.wording import shown

    details = [each for each in error.errors(include_url=False) if each["type"] != "none_required"]
    inner = [each for each in details if each["input"] is not value]
    if inner:
        details, value = inner, inner[0]["input"]
        what = f"an item of {what}"
    kinds = dict.fromkeys(map(_kind_expected, details))
    return f"{what} must be {' or '.join(kinds)}, got {shown(value)}"


def _kind_expected(detail: ErrorDetails) -> str:
    from kaggle_face.config.wording import expected

    context = detail.get("ctx", {})
    if kind := context.get("class", context.get("class_name")):
        noun = _NOUNS.get(kind, kind)
        return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
    return _KINDS.get(detail["type"]) or expected(detail["type"], detail["msg"]).removeprefix("be ")


def _naming_arguments(line: str, function: Callable[..., Any]) -> str:
    """A line that names arguments where it named options; commands that can be typed stay as they are."""
    before, program, command = line.partition(f"{PROGRAM} ")
    known = function.__annotations__.keys() - {"return"}

    def argument(found: re.Match[str]) -> str:
        option, word = found[1].replace("-", "_"), found[2] or ""
        ways = (option, f"{option}s", _RENAMED.get(option))
        name = next((way for way in ways if way in known), None)
        if name is not None:
            return _argument_text(name, word, _hint(function, name))
        return _answer_text(option, word) if "own_data" in known else found[0]

    return f"{_OPTION.sub(argument, before)}{program}{command}"


def _argument_text(name: str, word: str, hint: Any) -> str:
    """An argument, with the word behind its option where that is a value of it."""
    kinds = {*get_args(hint), hint}
    choices = {choice for kind in kinds for choice in get_args(kind)}
    key, sign, number = word.partition("=")
    if bool in kinds:
        return f"{name}=True {word}".rstrip()
    if sign:
        return f"{name}={{{key!r}: {number}}}"
    if word in choices:
        return f"{name}={word!r}"
    is_value = word.isupper() or word.startswith("'") or word.replace(",", "").isdecimal()
    return f"{name}={f'[{word}]' if ',' in word else word}" if is_value else f"{name} {word}".rstrip()


def _answer_text(option: str, word: str) -> str:
    """An answer about own data, which is an item of the argument `own_data`."""
    name = "folders" if option == "folder" else option
    if word.startswith("'"):
        return f"own_data={{'{name}': {word}}}"
    if word in _VALUES or word.isupper() or ":" in word[:-1]:
        return f"own_data={{'{name}': '{word}'}}"
    return f"own_data['{name}'] {word}".rstrip()
