"""The command line answers without libraries that take long to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kaggle_face.cli.main import COMMANDS

HEAVY = {"torch", "timm", "albumentations", "cv2", "pandas", "sklearn", "kaggle", "torchvision"}
SLOW = {"numpy", "pydantic", "yaml", "PIL", "scipy", "safetensors"}
"""Each takes 30 to 200 ms, and no option needs them."""
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
def test_help_imports_no_library_that_takes_long(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rsplit("MODULES", 1)[1].split())
    assert not loaded & (HEAVY | SLOW)


def test_importing_the_package_imports_nothing_that_takes_long() -> None:
    probe = "import sys, kaggle_face; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (HEAVY | SLOW)
