"""Augmentation of training images: the only file that imports albumentations.

What happens to an image follows from (seed, epoch, image) alone. The library keeps a random state per
transform and moves it on with every image, which repeats itself in every worker. Here all transforms share
one generator, which is set to the image's own place in a counter-based stream before each image (Philox,
Salmon et al. 2011): about 5 microseconds instead of the 100 of `Compose.set_random_seed`, and no two images
share numbers.
"""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import ConfigError, nearest_hint

IMAGE_SIZE = "image_size"
"""Stands in the arguments of a transform for the side of the images in pixels."""

_NOT_FROM_SETTINGS = frozenset(("BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D"))
_NOT_FROM_SETTINGS |= {"BaseCompose", "Compose", "ReplayCompose", "Lambda"}
_DONE_LATER = frozenset(("Normalize", "ToFloat", "ToTensorV2"))  # often copied along with a recipe
# Warnings that advise another transform; any other one is an error.
_HARMLESS = ("is a special case of", "is an alias for", "is very slow")
_PROBE_DRAWS = 16


class Augmenter:
    """Transforms of the settings, applied to one image at a time; without transforms it costs nothing.

    Attributes:
        size_px: The side of the images.
        seed: Of all random numbers.
        steps: The library's own transforms, in order.
    """

    def __init__(
        self, transforms: Sequence[Mapping[str, Mapping[str, Any]]], size_px: int, seed: int
    ) -> None:
        """Builds the transforms and tries them on an image of `size_px`.

        Raises:
            ConfigError: A transform or an argument is unknown or wrong, or the result is not a uint8 image of
                the same size.
        """
        self._transforms, self.size_px, self.seed = tuple(transforms), size_px, seed
        self._prepare()
        if not self.is_identity:
            self._probe()

    @property
    def is_identity(self) -> bool:
        """Whether images stay as they are."""
        return not self._transforms

    def __call__(self, image_HWC: npt.NDArray[np.uint8], epoch: int, index: int) -> npt.NDArray[np.uint8]:
        """The image as epoch `epoch` sees it; `index` is the image's own number, the same in every epoch."""
        if not self.steps:
            return image_HWC
        self._key[1] = epoch
        self._counter[3] = index
        self._philox.state = self._place
        self._python_random.seed(self._philox.random_raw())
        data: dict[str, Any] = {"image": np.array(image_HWC)}
        for step in self.steps:
            data = step(**data)
        result: npt.NDArray[np.uint8] = data["image"]
        if result.shape != image_HWC.shape or result.dtype != np.uint8:
            raise self._misfit(image_HWC, result)
        return result

    def __getstate__(self) -> tuple[Any, ...]:
        return self._transforms, self.size_px, self.seed

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._transforms, self.size_px, self.seed = state
        self._prepare()

    def _prepare(self) -> None:
        self.steps = [_build(entry, self.size_px) for entry in self._transforms]
        self._counter, self._key = np.zeros(4, np.uint64), np.array([self.seed, 0], np.uint64)
        self._place: Any = {
            "bit_generator": "Philox",
            "state": {"counter": self._counter, "key": self._key},
            "buffer": np.zeros(4, np.uint64),
            "buffer_pos": 4,  # the buffer is used up
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._philox = np.random.Philox(0)
        self._python_random = random.Random(0)
        generator = np.random.Generator(self._philox)
        for step in self.steps:
            step.set_random_state(generator, self._python_random)

    def _probe(self) -> None:
        image_HWC = np.random.default_rng(0).integers(0, 256, (self.size_px, self.size_px, 3), np.uint8)
        chances = [part for part in _parts(self.steps) if part.p > 0]
        before = [part.p for part in chances]
        for part in chances:
            part.p = 1.0
        try:
            for draw in range(_PROBE_DRAWS):
                self(image_HWC, 0, draw)
        except ConfigError:
            raise
        except Exception as error:
            what = " ".join(str(error).split()) or type(error).__name__
            size = f"{self.size_px}x{self.size_px}"
            raise ConfigError(f"augment.transforms do not work on images of {size}: {what}") from error
        finally:
            for part, chance in zip(chances, before, strict=True):
                part.p = chance

    def _misfit(self, image_HWC: npt.NDArray[Any], result: npt.NDArray[Any]) -> ConfigError:
        names = ", ".join(name for entry in self._transforms for name in entry)
        return ConfigError(
            f"augment.transforms ({names}) turn {_describe(image_HWC)} into {_describe(result)}; "
            f"bytes must stay bytes, and '{IMAGE_SIZE}' stands for the size"
        )


def compose_for_notebook(
    transforms: Sequence[Mapping[str, Mapping[str, Any]]],
    size_px: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> Callable[..., dict[str, Any]]:
    """The transforms as notebooks write them, for comparison: resize, transforms, normalise, to a tensor.

    Raises:
        ConfigError: A transform or an argument is unknown or wrong.
    """
    library = _library()
    compose: Callable[..., dict[str, Any]] = library.Compose(
        [
            library.Resize(size_px, size_px),
            *(_build(entry, size_px) for entry in transforms),
            library.Normalize(mean=tuple(mean), std=tuple(std)),
            library.ToTensorV2(),
        ]
    )
    return compose


def _describe(image: npt.NDArray[Any]) -> str:
    return f"{'x'.join(map(str, image.shape))} {image.dtype}"


def _parts(steps: Sequence[Any]) -> Iterator[Any]:
    for step in steps:
        yield step
        if isinstance(step, _library().BaseCompose):
            yield from _parts(step.transforms)


def _library() -> ModuleType:
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it sends a request
    import albumentations
    import cv2

    cv2.setNumThreads(0)
    library: ModuleType = albumentations
    return library


def _build(entry: Mapping[str, Any], size_px: int) -> Any:
    """The transform that an entry `{name: {argument: value}}` describes."""
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise ConfigError(f"augment.transforms: an entry is one 'Name: {{argument: value}}', got {entry!r}")
    name, given = next(iter(entry.items()))
    kind = _transform_class(name)
    arguments = _resolve(given or {}, size_px)
    if not isinstance(arguments, dict):
        raise ConfigError(f"augment.transforms: {name} takes 'argument: value' lines, got {given!r}")
    known = [key for key in inspect.signature(kind).parameters if key != "self"]
    for argument in arguments:
        if argument not in known:
            hint = nearest_hint(str(argument), known) or f"; it has: {', '.join(known)}"
            raise ConfigError(f"augment.transforms: {name} has no argument '{argument}'{hint}")
    if issubclass(kind, _library().BaseCompose):
        nested = arguments.pop("transforms", None)
        if not isinstance(nested, list) or not nested:
            raise ConfigError(f"augment.transforms: {name}.transforms must be a list of transforms")
        arguments["transforms"] = [_build(part, size_px) for part in nested]
    elif _has_schema(kind):
        arguments["strict"] = True
    return _construct(name, kind, arguments)


def _transform_class(name: str) -> type[Any]:
    if name in _DONE_LATER:
        raise ConfigError(
            f"augment.transforms: leave out {name}; images stay bytes here and are scaled later"
        )
    library = _library()
    ancestors = (library.BasicTransform, library.BaseCompose)
    known = [
        key
        for key, value in vars(library).items()
        if inspect.isclass(value) and issubclass(value, ancestors) and key not in _NOT_FROM_SETTINGS
    ]
    if name not in known:
        hint = nearest_hint(str(name), known) or "; see the list of albumentations 2.0.8"
        raise ConfigError(f"augment.transforms: there is no transform '{name}'{hint}")
    kind: type[Any] = getattr(library, name)
    return kind


def _resolve(value: Any, size_px: int) -> Any:
    if value == IMAGE_SIZE:
        return size_px
    if isinstance(value, Mapping):
        return {key: _resolve(part, size_px) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_resolve(part, size_px) for part in value]
    return value


def _has_schema(kind: type[Any]) -> bool:
    """Whether the library checks the arguments; the few transforms without do not know `strict`."""
    owner = next(ancestor for ancestor in kind.__mro__ if "__init__" in vars(ancestor))
    return "InitSchema" in vars(owner)


def _construct(name: str, kind: type[Any], arguments: Mapping[str, Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for harmless in _HARMLESS:
            warnings.filterwarnings("ignore", message=f".*{harmless}")
        try:
            return kind(**arguments)
        except Exception as error:
            raise ConfigError(f"augment.transforms: {name}{_complaint(error)}") from error


def _complaint(error: Exception) -> str:
    """The complaint of a constructor, without the library's many lines."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return f": {' '.join(str(error).split())}"
    detail = error.__cause__.errors()[0]
    argument = ".".join(str(part) for part in detail["loc"][:1])
    if detail["type"] == "missing":
        return f" needs the argument '{argument}'"
    return f".{argument}: {detail['msg']}, got {detail['input']!r}"
