"""The config that the best trial of a search becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.config import load_config
from kaggle_face.config.loading import full_key
from kaggle_face.config.yaml_text import dump_yaml, parse_yaml
from kaggle_face.errors import InputError, counted
from kaggle_face.train.search.study import BestTrial

_MARK = "# Found by `kaggle-face tune`:"


@dataclass(frozen=True)
class FoundConfig:
    """The best trial of a search.

    Attributes:
        best: The trial.
        score: The formula that it was judged by.
        fold: The fold that trials trained on.
        num_trials: Of how many trials it is the best.
        epochs: Of a whole training.
        trial_epochs: Of a trial.
        extends: How the settings that were searched are named.
        overrides: What the call set beside them.
        next_command: The command that trains with the config.
    """

    best: BestTrial
    score: str
    fold: int
    num_trials: int
    epochs: int
    trial_epochs: int
    extends: str
    overrides: Sequence[str]
    next_command: str

    def write(self, path: Path) -> None:
        """Writes the config."""
        overrides = [*self.overrides, f"train.epochs={self.epochs}", *self.best.overrides]
        values = with_whole_mappings(nested(overrides), load_config(self.extends, overrides).config)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, f"{self._head()}{dump_yaml({'extends': self.extends, **values})}")

    def _head(self) -> str:
        lines = [
            f"{_MARK} score {self.best.score:.5f} in trial {self.best.number} on fold {self.fold}, "
            f"the best of {counted(self.num_trials, 'trial')}.",
            f"# The score is {self.score} on what the fold holds out. The trial was chosen by it, so expect "
            "a little less elsewhere.",
        ]
        if self.trial_epochs != self.epochs:
            lines.append(
                f"# A trial had {counted(self.trial_epochs, 'epoch')}, to which its schedule was shortened; "
                f"a whole training has {self.epochs}, as below."
            )
        return "\n".join([*lines, f"# Train it with: {self.next_command}", ""])


def require_own_config(path: Path) -> None:
    """Checks that the file that a search would replace was written by one.

    Raises:
        InputError: Somebody else wrote it.
    """
    if path.is_file() and not path.read_bytes().startswith(_MARK.encode()):
        raise InputError(f"{path} was not written by tune; move it away, or search under another --name")


def with_whole_mappings(values: Mapping[str, Any], resolved: BaseModel) -> Mapping[str, Any]:
    """Settings with each mapping as resolved: a file replaces the parent's, where an override adds to it.

    >>> from kaggle_face.config import Config, ModelConfig
    >>> resolved = Config(model=ModelConfig(backbone_options={"stem_width": 16, "stem_type": "deep"}))
    >>> with_whole_mappings({"model": {"backbone_options": {"stem_width": 16}}}, resolved)
    {'model': {'backbone_options': {'stem_width': 16, 'stem_type': 'deep'}}}
    """
    whole = resolved.model_dump(mode="json")
    found: dict[str, Any] = {}
    for key, value in values.items():
        inner = getattr(resolved, key)
        if isinstance(inner, BaseModel) and isinstance(value, Mapping):
            value = with_whole_mappings(value, inner)
        elif isinstance(value, Mapping):
            value = whole[key]
        found[key] = value
    return found


def nested(overrides: Sequence[str]) -> Mapping[str, Any]:
    """The settings that overrides stand for, part by part; of two of one key the last.

    >>> nested(["optim.lr=0.1", "seed=3", "optim.name=sgd", "seed=4"])
    {'optim': {'lr': 0.1, 'name': 'sgd'}, 'seed': 4}
    """
    values: dict[str, Any] = {}
    for text in overrides:
        key, _, value = text.partition("=")
        *parts, last = full_key(key).split(".")
        inner = values
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = parse_yaml(value)
    return values
