"""The command line answers without heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kaggle_face.cli.main import COMMANDS

HEAVY = {"torch", "timm", "albumentations", "cv2", "pandas", "sklearn", "kaggle", "torchvision"}
PROBE = """
import sys
from kaggle_face.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("MODULES", *sorted({name.split(".")[0] for name in sys.modules}))
"""


@pytest.mark.parametrize("words", [[], ["--version"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_imports_no_heavy_library(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rsplit("MODULES", 1)[1].split())
    assert not loaded & HEAVY
