"""The ladder of recipes: settings for growing amounts of work, read from `configs/recipes/`.

A rung is an ordinary settings file whose first lines are comments, one sentence and then `# key: value`:
what it is made for, for which pictures, how many images a training sees, how many networks pay, what was
measured of it and where it comes from. Where the networks of that measurement saw more or fewer images than
the recipe names, `# seen: N` tells how many each. Networks are folds; where dev is held out, which is one
fold, they are trainings of other seeds. A recipe with `# only: own architectures` is for competitions that
forbid imported ones; a better one is there for the others. A file of the same name in `configs/recipes/` of
the working directory takes the place of the package's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, cast, get_args

from kaggle_face.artifacts.files.reading import read_text
from kaggle_face.config import Config, load_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.errors import ConfigError
from kaggle_face.tasks import Purpose
from kaggle_face.train.optim.image_sizes import image_size_at

Pictures = Literal["small", "large", "any"]

NOT_MEASURED = "not measured"
LARGEST_SMALL_PX = 64
"""Pictures up to this side are small: a network keeps their pixels in its first convolution."""

_KEYS = ("task", "pictures", "images", "networks", "mflops", "measured", "source")
_FORMER_KEYS = {"folds": "networks"}
_LINE = re.compile(r"^# ([a-z]+): (.+)$")
_MOST_BYTES = 1 << 20


@dataclass
class Rung:
    """A recipe and the work it is for.

    Attributes:
        name: The name of its file.
        purpose: The task that it is made for.
        pictures: Whether it is for pictures of up to 64 pixels, for larger ones, or for both.
        images: Images that the training of a network sees, over all epochs.
        networks: How many networks pay, whose predictions are blended.
        mflops: Operations of a forward pass for an image at full size, in millions.
        measured: Its figures, or `not measured`.
        seen: Images that each network of that measurement saw, over all epochs; `images` where none are told.
        source: Where it comes from.
        path: Its file.
        is_only_own: Whether it is for competitions that forbid imported architectures alone.
    """

    name: str
    purpose: Purpose
    pictures: Pictures
    images: int
    networks: int
    mflops: float
    measured: str
    seen: int
    source: str
    path: Path
    is_only_own: bool = False

    @cached_property
    def config(self) -> Config:
        """Its settings as they stand in the file; they are read when they are first needed.

        Raises:
            ConfigError: They are wrong.
        """
        return load_config(str(self.path)).config

    @property
    def is_measured(self) -> bool:
        """Whether figures of it are known."""
        return self.measured != NOT_MEASURED

    @property
    def pixels_share(self) -> float:
        """The mean number of pixels of a training image, as a share of the full size."""
        train, full = self.config.train, self.config.data.image_size
        sizes = [image_size_at(train, full, epoch) for epoch in range(train.epochs)]
        return sum((size / full) ** 2 for size in sizes) / len(sizes)

    @property
    def work(self) -> float:
        """Operations of forward passes over all that its networks see, in millions."""
        return self.networks * self.images * self.pixels_share * self.mflops


def read_ladder(folders: Sequence[Path] | None = None) -> tuple[Rung, ...]:
    """All rungs, by name.

    Args:
        folders: Where they lie, the later ones before the earlier; None: the package's and those of the
            working directory.

    Raises:
        ConfigError: A file is not a rung, or no file is there.
    """
    places = folders or (packaged_configs() / "recipes", Path("configs") / "recipes")
    files = {path.stem: path for folder in places for path in sorted(folder.glob("*.yaml"))}
    if not files:
        raise ConfigError(f"there are no recipes in {' or '.join(map(str, places))}")
    return tuple(read_rung(path) for _, path in sorted(files.items()))


def read_rung(path: Path) -> Rung:
    """The rung in a file.

    Raises:
        ConfigError: Its first lines lack a key or hold a wrong value.
    """
    lines = read_text(path, _MOST_BYTES).splitlines()
    named = {match[1]: match[2].strip() for line in lines if (match := _LINE.match(line))}
    found = {_FORMER_KEYS.get(key, key): value for key, value in named.items()}
    missing = [key for key in _KEYS if key not in found]
    if missing:
        raise ConfigError(f"{path}: a recipe begins with comments, and '# {missing[0]}: ...' is missing")
    for key, allowed in (("task", get_args(Purpose)), ("pictures", get_args(Pictures))):
        if found[key] not in allowed:
            raise ConfigError(f"{path}: '# {key}:' is one of {', '.join(allowed)}, got '{found[key]}'")
    found.setdefault("seen", found["images"])
    for key in ("images", "seen", "networks", "mflops"):
        if not (found[key].isdecimal() and 0 < int(found[key]) < 10**12):
            raise ConfigError(f"{path}: '# {key}:' is a number above 0, got '{found[key]}'")
    return Rung(
        path.stem,
        cast(Purpose, found["task"]),
        cast(Pictures, found["pictures"]),
        int(found["images"]),
        int(found["networks"]),
        float(found["mflops"]),
        found["measured"],
        int(found["seen"]),
        found["source"],
        path,
        "only" in found,
    )


def rungs_for(
    ladder: Sequence[Rung], purpose: Purpose, side_px: int, forbids_imported: bool = False
) -> tuple[Rung, ...]:
    """The rungs for a purpose and pictures of a size, those of less work first.

    For one task alone a rung of its own takes the place of the mixed one beside it, `cpu-8-accuracy` that of
    `cpu-8-both`.

    Args:
        ladder: All rungs.
        purpose: What networks are for.
        side_px: The longer side of the pictures.
        forbids_imported: Whether imported architectures are forbidden.
    """
    pictures: Pictures = "small" if side_px <= LARGEST_SMALL_PX else "large"
    fitting = [
        rung
        for rung in ladder
        if rung.pictures in (pictures, "any")
        and rung.purpose in (purpose, "both")
        and (forbids_imported or not rung.is_only_own)
    ]
    own = {_step_of(rung) for rung in fitting if rung.purpose == purpose}
    chosen = [rung for rung in fitting if rung.purpose == purpose or _step_of(rung) not in own]
    return tuple(sorted(chosen, key=lambda rung: (rung.work, rung.name)))


def _step_of(rung: Rung) -> str:
    """The name without its purpose."""
    return rung.name.removesuffix(f"-{rung.purpose}")
