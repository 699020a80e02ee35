"""The command line answers without libraries that take long to import."""

from __future__ import annotations

import json
import subprocess
import sys

from kaggle_face.cli.main import COMMANDS

HEAVY = {"torch", "timm", "albumentations", "cv2", "pandas", "sklearn", "kaggle", "torchvision"}
SLOW = {"numpy", "pydantic", "yaml", "PIL", "scipy", "safetensors"}
"""Each takes 30 to 200 ms, and no option needs them."""
PROBE = """
import json, sys
from kaggle_face.cli.main import main
seen = set()
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit:
        pass
    print("MODULES", *words, ":", *sorted({name.split(".")[0] for name in set(sys.modules) - seen}))
    seen = set(sys.modules)
"""


def test_help_imports_no_library_that_takes_long() -> None:
    command_lines = [[], ["--version"], *([name, "--help"] for name in COMMANDS)]
    probe = [sys.executable, "-c", PROBE, json.dumps(command_lines)]
    done = subprocess.run(probe, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("MODULES ")]
    assert len(lines) == len(command_lines)
    # One process: a library is held against the first command that imports it.
    assert [line for line in lines if (HEAVY | SLOW) & set(line.partition(" : ")[2].split())] == []


def test_importing_the_package_imports_nothing_that_takes_long() -> None:
    probe = "import sys, kaggle_face; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (HEAVY | SLOW)
