"""A tiny trained run and its export, made once for all tests of a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config.schema import PathsConfig
from kaggle_face.pipeline.export.results import ExportOptions, ExportResult
from kaggle_face.pipeline.export.stage import export_network
from kaggle_face.progress import SilentProgress
from tests.support.gallery_stubs import write_trained_run

PARITY_IMAGES = 20


def export_run(trained: FoldFolder, folder: Path, **options: object) -> ExportResult:
    """An export that is compared on few images."""
    chosen = {"folder": folder, "parity_images": PARITY_IMAGES, **options}
    return export_network(PathsConfig(), trained.run, ExportOptions(**chosen), SilentProgress())  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`runs/faces/main/fold0`, and `export/` with its fp32 and fp16 files that give both outputs."""
    root = tmp_path_factory.mktemp("exported")
    fold = write_trained_run(root / "runs" / "faces" / "main" / "fold0")
    export_run(fold, root / "export", outputs="both", precisions=("fp32", "fp16"))
    return root


@pytest.fixture
def exported(exported_once: Path, tmp_path: Path) -> Path:
    """A copy of `exported_once` that a test may change."""
    return Path(shutil.copytree(exported_once, tmp_path / "exported"))
