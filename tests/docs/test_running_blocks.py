"""The Python of the documentation runs from top to bottom on generated faces, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.config import dump_config, load_config
from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset
from tests.support.documents import DOCS, ROOT, Block, blocks

SIZE = EmbeddedSize(
    num_identities=4,
    train_images_per_identity=6,
    dev_images_per_identity=3,
    test_images_per_identity=2,
    num_verification_identities=8,
    images_per_verification_identity=4,
    num_val_pairs=20,
    num_test_pairs=12,
    image_size_px=32,
)
SMALL = (
    "data.root=faces",
    "data.image_size=16",
    "data.workers=0",
    "folds.count=2",
    "train.epochs=1",
    "train.batch_size=8",
    "train.threads=1",
    "train.tensorboard=false",
    "device=cpu",
    "model.backbone_options={channels: [8, 8, 16, 16], stem_width: 8}",
    "model.embedding_size=16",
)
SLOW = "run by the slow tests: "


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with generated faces, whose settings `demo` and `fall-2024` are small."""
    folder = tmp_path_factory.mktemp("documentation")
    write_embedded_dataset(folder / "faces", SIZE, seed=3)
    (folder / "configs").mkdir()
    text = dump_config(load_config("demo", SMALL).config)
    for name in ("demo", "fall-2024"):
        (folder / "configs" / f"{name}.yaml").write_text(text, encoding="utf-8")
    pictures = sorted((folder / "faces").rglob("*.jpg"))
    for name, picture in zip(("a.jpg", "b.jpg"), pictures, strict=False):
        (folder / name).write_bytes(picture.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("KAGGLE_FACE_CONFIG", raising=False)
        yield folder


def training_loop() -> dict[str, Any]:
    """What the block about heads expects of the reader: a backbone and batches of images."""
    import torch

    backbone = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 512))
    return {"backbone": backbone, "loader": [(torch.rand(4, 3, 16, 16), torch.arange(4))]}


def run_blocks(page: Path, is_run: Callable[[Block], bool], names: dict[str, Any]) -> list[Block]:
    """Runs the blocks of a page in one namespace; those that were run."""
    ran = [block for block in blocks(page) if block.language == "python" and is_run(block)]
    for block in ran:
        exec(compile(block.text, block.name, "exec"), names)
    return ran


def test_the_readme_runs(workspace: Path) -> None:
    names: dict[str, Any] = {}
    assert len(run_blocks(ROOT / "README.md", lambda block: not block.mark, names)) == 1
    assert len(list((workspace / "submissions").rglob("*.csv"))) > 2
    assert names["run"].folds == [0, 1]


def test_the_page_from_python_runs(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = training_loop()
    assert len(run_blocks(DOCS / "from-python.md", lambda block: not block.mark, names)) == 4
    assert "fold 9 does not exist" in capsys.readouterr().out
    assert names["embeddings"].shape[0] == 2 and -1.0 <= names["cosine"] <= 1.0


@pytest.mark.slow
def test_the_slow_blocks_from_python_run(workspace: Path) -> None:
    names = training_loop()
    ran = run_blocks(DOCS / "from-python.md", lambda block: not block.mark.startswith("not run"), names)
    assert [block.mark for block in ran if block.mark] == [f"{SLOW}exporting takes a while"]
    assert set(names["found"].files) >= {"fp32", "fp16"}
