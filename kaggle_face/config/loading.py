"""Reading settings: a YAML file, those that it extends, then `key=value` overrides; one line an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import kaggle_face
from kaggle_face.config.former_names import (
    FORMER_NAMES,
    former_names_in,
    warn_of_former_names,
    with_current_names,
)
from kaggle_face.config.schema import Config
from kaggle_face.config.wording import expected, shown
from kaggle_face.config.yaml_text import dump_yaml, parse_yaml, read_yaml, yaml_problem
from kaggle_face.errors import ConfigError, nearest_hint

COMMAND_LINE = "on the command line"

_SHORT_NAMES = {"init_from": "model.init_from"}
"""Overrides that may leave their part out."""

_RECIPES = "recipes"
_MOST_LEVELS = 40


@dataclass(frozen=True)
class LoadedConfig:
    """Resolved settings, the name that runs are filed under, and the overrides that shaped them."""

    name: str
    config: Config
    overrides: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def word(self) -> str:
        """The word after `-c`: the name where it leads to the settings' file, else its path."""
        return self.name if self.path is None else word_for(self.path)


@dataclass(frozen=True)
class _Layer:
    source: str
    values: Mapping[str, Any]
    keys: tuple[str, ...] = ()
    """Of an override: the keys down to its value."""


def load_config(name_or_path: str, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Reads the settings called `name_or_path` and applies `key=value` overrides.

    A name is looked up as `configs/<name>.yaml` in the working directory, then among the files of the
    package.

    Raises:
        ConfigError: The file is missing or no YAML, extends itself, or holds an unknown key, a wrong type
            or a value out of range.
    """
    path = find_config(name_or_path)
    layers = _read_with_parents(path, ()) + [_override_layer(text) for text in overrides]
    return LoadedConfig(path.stem, _validate(layers), tuple(overrides), path)


def parse_config(text: str, source: str) -> Config:
    """Settings from the text that `dump_config` made; `source` names it in errors."""
    return _validate([_Layer(source, with_current_names(_as_mapping(_parse(text, source), source)))])


def with_overrides(config: Config, overrides: Sequence[str]) -> Config:
    """Settings with `key=value` overrides applied to them.

    Raises:
        ConfigError: An override has an unknown key, a wrong type or a value out of range.
    """
    layers = [_Layer("the settings", config.model_dump(mode="json")), *map(_override_layer, overrides)]
    return _validate(layers)


def dump_config(config: Config) -> str:
    """All settings as YAML text that `parse_config` reads back equal."""
    return dump_yaml(config.model_dump(mode="json"))


def find_config(name_or_path: str) -> Path:
    """The file of the settings called `name_or_path`.

    Raises:
        ConfigError: There is none; the nearest known names are offered.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if _is_file(path):
            return path
        raise ConfigError(f"there is no settings file {name_or_path}")
    folders = (Path("configs"), packaged_configs())
    for folder in folders:
        if _is_file(folder / f"{name_or_path}.yaml"):
            return folder / f"{name_or_path}.yaml"
    known = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    hint = nearest_hint(name_or_path, known) or f"; known: {', '.join(known)}"
    raise ConfigError(f"there are no settings called '{name_or_path}' in configs/ or in the package{hint}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # a name that is too long, or a folder that may not be looked into
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def word_for(path: Path) -> str:
    """The word after `-c` for a settings file: its name where that leads to it, else its path."""
    try:
        return path.stem if find_config(path.stem) == path else str(path)
    except ConfigError:
        return str(path)


def full_key(key: str) -> str:
    """Today's key of a setting, with its part.

    >>> full_key("init_from"), full_key("optim.lr"), full_key("data.residence")
    ('model.init_from', 'optim.lr', 'data.placement')
    """
    return _SHORT_NAMES.get(key) or FORMER_NAMES.get(key, key)


def packaged_configs() -> Path:
    """The folder of the settings that come with the package, in a wheel or in a checkout."""
    package = Path(kaggle_face.__file__).parent
    return package / "configs" if (package / "configs").is_dir() else package.parent / "configs"


def find_parent(path: Path, parent: str) -> Path:
    """The file that `extends: <parent>` means in the settings file at `path`: one beside it goes first.

    Raises:
        ConfigError: There is none.
    """
    file = parent if parent.endswith((".yaml", ".yml")) else f"{parent}.yaml"
    places = [path.parent / file]
    if path.parent.name == _RECIPES:  # a recipe of one's own may extend one of the package
        places.append(packaged_configs() / _RECIPES / file)
    return next(filter(_is_file, places), None) or find_config(parent)


def _read_with_parents(path: Path, children: tuple[Path, ...]) -> list[_Layer]:
    if path.resolve() in children:
        chain = " -> ".join(child.name for child in (*children, path))
        raise ConfigError(f"{path}: 'extends' runs in a circle: {chain}")
    values = dict(_as_mapping(read_yaml(path), str(path)))
    parent = values.pop("extends", None)
    layer = _Layer(str(path), _renamed(values, str(path)))
    if parent is None:
        return [layer]
    if not isinstance(parent, str):
        raise ConfigError(f"{path}: 'extends' must be one name or path, got {shown(parent)}")
    return [*_read_with_parents(find_parent(path, parent), (*children, path.resolve())), layer]


def _renamed(values: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """The settings of a layer by today's keys; a warning names each former one."""
    former = former_names_in(values)
    for name in former:
        part, key = FORMER_NAMES[name].split(".")
        if key in values[part]:
            raise ConfigError(f"{source}: {name} is a former name of {part}.{key}; keep one of them")
    warn_of_former_names(former, "" if source == COMMAND_LINE else source)
    return with_current_names(values)


def _parse(text: str, source: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {yaml_problem(error)}") from error


def _as_mapping(values: Any, source: str) -> Mapping[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source}: expected 'key: value' lines, got {type(values).__name__}")
    return values


def _override_layer(text: str) -> _Layer:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"an override is written key=value, such as optim.lr=0.1; got '{text}'")
    nested: Any = _parse(value, f"the value of {key}")
    keys = tuple(full_key(key).split("."))
    if len(keys) > _MOST_LEVELS:
        raise ConfigError(f"'{key[:40]}...' has {len(keys)} levels; settings have at most {_MOST_LEVELS}")
    for part in reversed(_SHORT_NAMES.get(key, key).split(".")):
        nested = {part: nested}
    return _Layer(COMMAND_LINE, _renamed(nested, COMMAND_LINE), keys)


def _merge(
    below: Mapping[str, Any], above: Mapping[str, Any], part: type[BaseModel] | None, keys: Sequence[str]
) -> dict[str, Any]:
    """`above` over `below`: parts key by key, any other value as a whole unless `keys` lead into it."""
    merged = dict(below)
    for key, value in above.items():
        old, inner = merged.get(key), _part_at(part, key)
        if (inner is not None or len(keys) > 1) and isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(old, value, inner, keys[1:])
        else:
            merged[key] = value
    return merged


def _validate(layers: Sequence[_Layer]) -> Config:
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer.values, Config, layer.keys)
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_describe(error.errors()[0], layers)) from error


def _describe(detail: ErrorDetails, layers: Sequence[_Layer]) -> str:
    path, owner = _known_path(detail["loc"])
    name, value = ".".join(path), detail["input"]
    context = detail.get("ctx", {})
    bounds = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
    match detail["type"]:
        case "extra_forbidden" | "invalid_key":
            known = owner.model_fields
            hint = _hint_of_part(path) or nearest_hint(path[-1], known) or f"; known here: {', '.join(known)}"
            text = f"unknown key '{name}'{hint}"
        case "value_error":
            text = str(context["error"])
        case kind if kind in bounds:
            text = f"{name} must be {bounds[kind]} {next(iter(context.values())):g}, got {shown(value)}"
        case "literal_error":
            hint = nearest_hint(value, context["expected"].split("'")[1::2]) if isinstance(value, str) else ""
            text = f"{name} must be {context['expected']}, got {shown(value)}{hint}"
        case kind:
            text = f"{name} must {expected(kind, detail['msg'])}, got {shown(value)}"
    return f"{_source_of(path, layers)}{text}"


def _hint_of_part(path: Sequence[str]) -> str:
    """A hint for a key that was given without its part, such as `lr` for `optim.lr`; else empty."""
    if len(path) > 1:
        return ""
    parts = {name: _part_at(Config, name) for name in Config.model_fields}
    found = [f"{name}.{path[0]}" for name, part in parts.items() if part and path[0] in part.model_fields]
    return f"; did you mean {' or '.join(repr(name) for name in found)}?" if found else ""


def _known_path(location: Sequence[int | str]) -> tuple[list[str], type[BaseModel]]:
    """The keys of a location without the tags that pydantic adds for unions, and the part they end in."""
    path: list[str] = []
    owner: type[BaseModel] = Config
    for depth, key in enumerate(location):
        path.append(str(key))
        if str(key) not in owner.model_fields:
            break
        part = _part_at(owner, str(key))
        if part is None:
            path += [str(index) for index in location[depth + 1 :] if isinstance(index, int)]
            break
        owner = part
    return path, owner


def _part_at(owner: type[BaseModel] | None, key: str) -> type[BaseModel] | None:
    """The part of the settings that a key of another part holds, or None if it holds a value."""
    field = owner.model_fields.get(key) if owner is not None else None
    if field is None:
        return None
    kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _source_of(path: Sequence[str], layers: Sequence[_Layer]) -> str:
    for layer in reversed(layers):
        value: Any = layer.values
        for key in path:
            if not isinstance(value, Mapping) or key not in value:
                break
            value = value[key]
        else:
            return "" if layer.source == COMMAND_LINE else f"{layer.source}: "
    return ""
