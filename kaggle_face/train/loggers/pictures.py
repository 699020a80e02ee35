"""Pictures of a training: its first augmented batch as the network gets it, its hardest held-out pairs.

Letters: B images of a batch, K those that are kept, C colours, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from kaggle_face.data.augmentation.mixing import Mix
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.picture_grid import GridRow, Tile, draw_grid
from kaggle_face.model.network import FaceNetwork
from kaggle_face.records import IntArray, Pairs, PairScores, StrArray
from kaggle_face.train.loggers.logger import LoggedPicture

MOST_IMAGES = 16
MOST_PAIRS = 6
_IN_A_ROW, _TILE_PX = 8, 128
_LARGEST = 255.0


@dataclass(frozen=True, eq=False)
class SeenBatch:
    """The first images of a batch on their device: normalised (K, C, H, W), and all labels (B) and mixing."""

    images: Tensor
    labels: Tensor
    mix: Mix | None

    @classmethod
    def of(cls, images_BCHW: Tensor, labels_B: Tensor, mix: Mix | None) -> SeenBatch:
        """A copy of the first images; nothing waits for the device."""
        return cls(images_BCHW[:MOST_IMAGES].detach().clone(), labels_B.detach().clone(), mix)

    def picture(self, name: str, network: FaceNetwork, class_names: StrArray) -> LoggedPicture:
        """The images without the normalisation, each below the identity or the two that it is mixed of."""
        mean_C, std_C = np.array(network.input_mean), np.array(network.input_std)
        pixels_KHWC = self.images.float().cpu().permute(0, 2, 3, 1).numpy() * std_C + mean_C
        pixels_KHWC = np.clip(np.rint(_LARGEST * pixels_KHWC), 0, 255).astype(np.uint8)
        names = class_names[self.labels.cpu().numpy()]
        tiles = [Tile(pixels, text) for pixels, text in zip(pixels_KHWC, self._captions(names), strict=False)]
        caption = f"{len(tiles)} of {len(names)} images of a batch as the network gets them, {self._how()}"
        rows = [tuple(tiles[start : start + _IN_A_ROW]) for start in range(0, len(tiles), _IN_A_ROW)]
        sheet = draw_grid(
            [GridRow("" if number else caption, (row,)) for number, row in enumerate(rows)], _TILE_PX
        )
        return LoggedPicture(name, np.array(sheet), 1, caption)

    def _how(self) -> str:
        if self.mix is None:
            return "not mixed"
        kind = "Mixup" if self.mix.box is None else "CutMix"
        share = self.mix.weight_of_first
        return (
            f"{kind}: {100 * share:.0f} % of the first and {100 - 100 * share:.0f} % of the second identity"
        )

    def _captions(self, names: StrArray) -> Iterable[str]:
        if self.mix is None:
            return list(map(str, names))
        pairs = zip(names.tolist(), names[self.mix.permutation].tolist(), strict=True)
        return [f"{first} + {second}" for first, second in pairs]


def draw_hardest_pairs(
    scores: PairScores, pairs: Pairs, cache: ImageCache, checkpoint: str, epoch: int
) -> LoggedPicture:
    """The impostor pairs of the highest scores, and below them the genuine pairs of the lowest."""
    aligned = scores.aligned_to(pairs.pair_ids).scores
    impostors, genuine = np.flatnonzero(pairs.labels == 0), np.flatnonzero(pairs.labels == 1)
    highest = impostors[np.argsort(-aligned[impostors], kind="stable")][:MOST_PAIRS]
    lowest = genuine[np.argsort(aligned[genuine], kind="stable")][:MOST_PAIRS]

    def group(row: int) -> tuple[Tile, ...]:
        ids = np.array([pairs.first_ids[row], pairs.second_ids[row]])
        first, second = (np.asarray(pixels) for pixels in cache.images[cache.rows_of(ids)])
        return Tile(first, f"score {aligned[row]:.4f}"), Tile(second, " ")

    def groups(rows: IntArray) -> tuple[tuple[Tile, ...], ...]:
        return tuple(group(row) for row in rows.tolist())

    caption = f"the {len(highest)} hardest impostor and {len(lowest)} hardest genuine pairs of {checkpoint}"
    rows = [
        GridRow(f"impostor pairs of the highest scores ({checkpoint})", groups(highest)),
        GridRow(f"genuine pairs of the lowest scores ({checkpoint})", groups(lowest)),
    ]
    named = [
        f"{pairs.first_ids[row]} and {pairs.second_ids[row]}: {aligned[row]:.4f}"
        for row in (*highest.tolist(), *lowest.tolist())
    ]
    picture = np.array(draw_grid(rows))
    return LoggedPicture("hardest_pairs", picture, epoch, f"{caption}: {'; '.join(named)}")
