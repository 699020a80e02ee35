"""A preview of the augmentation settings: a row of versions for each of a few images.

Letters: N images, V versions of an image, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from kaggle_face.config.training import AugmentConfig, MixConfig
from kaggle_face.data.augmentation.batched.compose import BatchAugmenter, without_batched_transform
from kaggle_face.data.augmentation.mixing import apply_mix, draw_mix
from kaggle_face.data.augmentation.per_image import Augmenter
from kaggle_face.data.loading.samplers import seeded
from kaggle_face.data.picture_grid import GridRow, Tile

_MIXED_VERSIONS = 2
_MIXING = 0x5EED04
"""Which random draws of the seed are for the mixed columns."""

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PreviewedImages:
    """Images of one size, uint8 (N, H, W, 3), with the name of each identity (N) and of each file (N)."""

    pixels: Images
    identities: tuple[str, ...]
    files: tuple[str, ...]


def preview_rows(
    images: PreviewedImages, config: AugmentConfig, augmenter: Augmenter, versions: int, device: torch.device
) -> list[GridRow]:
    """A row for each image; the same ones for the same seed.

    In groups: the image; versions by albumentations, one by one; versions by the batched forms on a device,
    where all transforms have one; versions that are mixed with another of the images, where the settings mix.
    """
    one_by_one = [
        np.stack([augmenter(pixels, epoch, number) for number, pixels in enumerate(images.pixels)])
        for epoch in range(versions)
    ]
    groups = [[("original", images.pixels)]]
    groups.append([(f"one by one {number}", each) for number, each in enumerate(one_by_one, 1)])
    if not without_batched_transform(augmenter):
        augment, pixels = BatchAugmenter(augmenter), torch.from_numpy(images.pixels).to(device)
        keys = torch.arange(len(pixels), device=device)
        batched = [augment(pixels, epoch, keys).cpu().numpy() for epoch in range(versions)]
        groups.append([(f"in batches {number}", each) for number, each in enumerate(batched, 1)])
    partners: list[str] = [""] * len(images.files)
    for kind, mixing in (("CutMix", config.cutmix), ("Mixup", config.mixup)):
        if mixing.probability > 0:
            groups.append(_mixed(kind, mixing, images, one_by_one, augmenter, partners))
    return [
        GridRow(
            f"{identity}: {file}{partner}",
            tuple(tuple(Tile(pixels[row], text) for text, pixels in group) for group in groups),
        )
        for row, (identity, file, partner) in enumerate(
            zip(images.identities, images.files, partners, strict=True)
        )
    ]


def describe_augmentation(config: AugmentConfig, seed: int) -> list[str]:
    """The settings in lines."""
    names = []
    for entry in config.transforms:
        for name, arguments in entry.items():
            given = ", ".join(f"{key}={value}" for key, value in (arguments or {}).items())
            names.append(f"  {name}{f': {given}' if given else ''}")
    mixing = (("CutMix", config.cutmix), ("Mixup", config.mixup))
    return [
        f"augment.transforms, seed {seed}:" if names else f"no augment.transforms, seed {seed}",
        *names,
        *(
            f"{kind}: {100 * each.probability:g} % of the batches, alpha {each.alpha:g}"
            if each.probability > 0
            else f"{kind}: off"
            for kind, each in mixing
        ),
    ]


def _mixed(
    kind: str,
    mixing: MixConfig,
    images: PreviewedImages,
    augmented: Sequence[Images],
    augmenter: Augmenter,
    partners: list[str],
) -> list[tuple[str, Images]]:
    """Mixed batches of the augmented images; the partner of each image is added to its text in `partners`."""
    always, never = MixConfig(probability=1.0, alpha=mixing.alpha), MixConfig()
    config = AugmentConfig(
        cutmix=always if kind == "CutMix" else never, mixup=always if kind == "Mixup" else never
    )
    found = []
    for number in range(_MIXED_VERSIONS):
        draw = seeded(augmenter.seed, _MIXING, number, kind == "CutMix")
        mix = draw_mix(config, len(images.files), augmenter.size_px, draw)
        assert mix is not None, "every batch is mixed"
        # A training draws the partners too, and some images are their own, which would show nothing here.
        mix = replace(mix, permutation=np.roll(np.arange(len(images.files)), -1 - number))
        base = torch.from_numpy(augmented[number % len(augmented)]).permute(0, 3, 1, 2).float()
        mixed = apply_mix(base, mix).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        percent = round(100 * mix.weight_of_first)
        found.append((f"{kind} {percent}+{100 - percent} %", mixed))
        for row, other in enumerate(mix.permutation.tolist()):
            partners[row] += f"; {kind} {number + 1} with {images.identities[other]}"
    return found
