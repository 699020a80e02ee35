"""What is exported, named by a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.errors import InputError, RunError
from kaggle_face.pipeline.export.naming import folder_of, is_folder


def test_a_run_a_fold_and_a_blend_are_folders(exported: Path) -> None:
    run = exported / "runs" / "faces" / "main"
    (run / "ensemble").mkdir()
    (run / "ensemble" / "ensemble.json").write_text("{}")
    assert [
        each if isinstance(each, bool | int | None) else each.path for each in folder_of(run, 1, True)
    ] == [run, 1, True]
    assert folder_of(run / "fold0", None, False)[1:] == (0, False)
    assert folder_of(run / "ensemble", None, False)[1:] == (None, True)
    with pytest.raises(InputError, match="fold0 is fold 0 alone; name the folder of the run"):
        folder_of(run / "fold0", 1, False)
    with pytest.raises(RunError, match="holds no trained run"):
        folder_of(exported, None, False)
    assert is_folder(str(run)) and not is_folder("main") and not is_folder(None)
