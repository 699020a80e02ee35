"""Search spaces as YAML: for each setting a list of choices, or a range of numbers.

optim.lr: {low: 1e-3, high: 0.3, log: true}
train.batch_size: {low: 64, high: 256, step: 64}
model.head: [linear, cosface, arcface]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from kaggle_face.config.yaml_text import dump_yaml, read_yaml
from kaggle_face.errors import ConfigError, nearest_hint

_LARGEST = 2**53
"""Above, not every whole number is a float."""

Choice = str | int | float | bool | None


class Suggesting(Protocol):
    """A trial of Optuna, as far as a search space needs it."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """A number in [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """A whole number in [low, high]."""

    def suggest_categorical(self, name: str, choices: list[Choice]) -> Choice:
        """One of the choices."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where all three numbers are."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))


SearchSpace = Mapping[str, Range | tuple[Choice, ...]]
"""For each key of the settings what it may be."""


def read_search_space(source: Path | Mapping[str, Any]) -> SearchSpace:
    """The search space of a YAML file, or of the values that such a file would hold.

    Raises:
        ConfigError: The file is missing or no YAML, or an entry is neither a list nor a range.
    """
    path, values = name_of_space(source), source
    if isinstance(source, Path):
        if not source.is_file():
            raise ConfigError(f"there is no search space {source}")
        values = read_yaml(source)
    if not isinstance(values, Mapping) or not values:
        raise ConfigError(f"{path}: expected 'key: [choices]' or 'key: {{low: .., high: ..}}' lines")
    return {str(key): _read_entry(f"{path}: {key}", entry) for key, entry in values.items()}


def name_of_space(source: Path | Mapping[str, Any]) -> str:
    """The name of a search space in messages."""
    return str(source) if isinstance(source, Path) else "the search space"


def space_values(space: SearchSpace) -> dict[str, Any]:
    """A search space as values of JSON, by which two searches are compared.

    >>> space_values({"optim.lr": Range(0.001, 0.1, log=True), "model.head": ("linear", "arcface")})
    {'optim.lr': {'low': 0.001, 'high': 0.1, 'log': True}, 'model.head': ['linear', 'arcface']}
    """
    return {
        key: list(entry)
        if isinstance(entry, tuple)
        else {name: value for name, value in asdict(entry).items() if value or name in ("low", "high")}
        for key, entry in space.items()
    }


def suggest_overrides(space: SearchSpace, trial: Suggesting) -> list[str]:
    """The choices of a trial, as `key=value` overrides."""
    overrides = []
    for key, entry in space.items():
        value: Choice
        if isinstance(entry, tuple):
            value = trial.suggest_categorical(key, list(entry))
        elif entry.is_whole:
            low, high, step = int(entry.low), int(entry.high), int(entry.step or 1)
            value = trial.suggest_int(key, low, high, step=step, log=entry.log)
        else:
            value = trial.suggest_float(key, entry.low, entry.high, step=entry.step, log=entry.log)
        overrides.append(override_text(key, value))
    return overrides


def override_text(key: str, value: Choice) -> str:
    """The override `key=value`, with the value as YAML.

    >>> override_text("optim.lr", 1e-3), override_text("model.weights", None)
    ('optim.lr=0.001', 'model.weights=null')
    """
    text = dump_yaml(value).removesuffix("...\n").strip()
    return f"{key}={text}"


def _read_entry(where: str, entry: Any) -> Range | tuple[Choice, ...]:
    if isinstance(entry, list):
        if not entry or any(isinstance(choice, list | dict) for choice in entry):
            raise ConfigError(f"{where}: choices are words and numbers, at least one, got {entry!r}")
        return tuple(entry)
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: expected a list of choices or {{low: .., high: ..}}, got {entry!r}")
    known = ("low", "high", "log", "step")
    for name in entry:
        if name not in known:
            raise ConfigError(f"{where}: unknown '{name}'{nearest_hint(str(name), known)}")
    return _checked_range(where, entry)


def _checked_range(where: str, entry: Mapping[str, Any]) -> Range:
    low: Any = entry.get("low")
    high: Any = entry.get("high")
    step, log = entry.get("step"), entry.get("log", False)
    if not _is_number(low) or not _is_number(high) or not low < high:
        raise ConfigError(
            f"{where}: low and high must be numbers up to 2^53 with low < high, got {low!r} and {high!r}"
        )
    if step is not None and (not _is_number(step) or not 0 < step <= high - low):
        raise ConfigError(f"{where}: step must be > 0 and <= high - low, got {step!r}")
    if not isinstance(log, bool) or (log and (low <= 0 or step is not None)):
        raise ConfigError(f"{where}: log is true or false, and true needs low > 0 and no step")
    return Range(low, high, log, step)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
