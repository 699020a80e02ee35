"""The data set that comes with the package: generated faces, in the layout `pair_text`.

What a competition keeps to itself, the truth of the test split, is written too, below `truth/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.errors import DataError, counted
from kaggle_face.synthetic.dataset_plan import EmbeddedSize, Layout, Shot, draw_plan
from kaggle_face.synthetic.draws import draw_appearance, draw_identity

__all__ = ["MARKER_FILE", "EmbeddedSize", "Layout", "write_embedded_dataset"]

MARKER_FILE = "embedded.json"

_DRAWING_VERSION = 1  # raised whenever the same numbers give other pictures
_JPEG_QUALITY = 92


def write_embedded_dataset(
    root: Path, size: EmbeddedSize | None = None, seed: int = 0, layout: Layout = "folders"
) -> None:
    """Writes the data set as the folder `root`, or leaves it alone if exactly this one is there already.

    `folders` is the layout of F24, `labels_txt` that of S25 and later. It appears when it is complete.

    Raises:
        DataError: `root` is a file or holds anything else, or the seed is negative.
    """
    if seed < 0:
        raise DataError(f"the seed of the generated faces must be >= 0, got {seed}")
    size = size or EmbeddedSize()
    marker = {"drawing": _DRAWING_VERSION, "seed": seed, "layout": layout, **asdict(size)}
    if _holds_dataset(root, marker):
        there = sum(1 for part in ("cls_data", "ver_data") for _ in (root / part).rglob("*.jpg"))
        if there != size.num_images:
            raise DataError(
                f"{root} holds {there} of {counted(size.num_images, 'generated face')}; "
                f"remove the folder to draw them again"
            )
        return
    plan = draw_plan(size, seed, layout)
    with replacing_folder(root) as folder:
        _write_pictures(folder, plan.shots, seed, size.image_size_px)
        for name, lines in plan.texts.items():
            _write_lines(folder / name, lines)
        _write_lines(folder / MARKER_FILE, [json.dumps(marker)])


def _holds_dataset(root: Path, marker: Mapping[str, Any]) -> bool:
    """Whether the data set of this marker is there; False for a folder that is missing or empty."""
    if not root.exists():
        return False
    if not root.is_dir():
        raise DataError(f"{root} is a file; the generated faces need a folder of their own")
    names = sorted(path.name for path in root.iterdir())
    if not names:
        return False
    if MARKER_FILE not in names:
        raise DataError(
            f"{root} holds other files, first: {names[0]}; the generated faces need an empty folder"
        )
    advice = "remove the folder or choose another"
    try:
        found = json.loads((root / MARKER_FILE).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{root / MARKER_FILE} is damaged; {advice}") from error
    for name, wanted in marker.items():
        there = found.get(name) if isinstance(found, dict) else None
        if there != wanted:
            raise DataError(f"{root} holds generated faces with {name} {there}, not {wanted}; {advice}")
    return True


def _write_pictures(root: Path, shots: Mapping[str, Shot], seed: int, size_px: int) -> None:
    """One thread draws: the interpreter's lock makes more of them slower (four: 1.7 times, measured)."""
    import cv2

    from kaggle_face.synthetic.faces import render_face

    numbers = {shot.identity_number for shot in shots.values()}
    identities = {number: draw_identity(seed, number) for number in numbers}
    for folder in {(root / name).parent for name in shots}:
        folder.mkdir(parents=True, exist_ok=True)
    for name, shot in shots.items():
        appearance = draw_appearance(seed, shot.identity_number, shot.image_number)
        picture = render_face(identities[shot.identity_number], appearance, size_px)
        _, coded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        (root / name).write_bytes(bytes(coded))


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8"))
