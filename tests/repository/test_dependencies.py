"""What the package imports is declared in setup.cfg, and what is declared is used."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import kaggle_face
from tests.support.sources import imports_of

PACKAGE = Path(kaggle_face.__file__).parent
ROOT = PACKAGE.parent
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "dlib": "dlib-bin",
    "faiss": "faiss-cpu",
    "pydantic_core": "pydantic-core",
    "sklearn": "scikit-learn",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}
"""Distributions that are called otherwise than what is imported of them."""

ONLY_FILES_OF = {"mtcnn", "face-recognition-models"}
"""Found by their names: their weights are read, their code is not run."""

COMPARE = "compare"
"""The extra of what the benchmarks alone import."""

NEEDED_BY_OTHERS = {
    "six": "kaggle imports it without declaring it",
    "tensorboard": "torch.utils.tensorboard imports it without torch declaring it",
}

TOOLS = {"ipykernel", "mypy", "ruff", "pandas-stubs", "types-pyyaml", "types-tqdm"}
TOOLS |= {"axe-playwright-python"}  # of which tests read a script

OPTIONAL_IN = {
    "flask": {"recognition/app/server.py"},
    "werkzeug": {"recognition/app/server.py"},
    "waitress": {"recognition/app/server.py"},
    "faiss-cpu": {"recognition/faiss_index.py"},
    "onnx": {"exporting/graph.py", "exporting/precision.py"},
    "onnxruntime": {"exporting/precision.py", "inference/onnx_embedder.py"},
    "optuna": {
        "pipeline/improving/tune.py",
        "project/better_runs.py",
        "train/search/heartbeat.py",
        "train/search/plots.py",
        "train/search/storage.py",
        "train/search/study.py",
    },
    "lz4": {"recognition/detection/weights.py"},
    "plotly": {"plotly_script.py"},
}
"""Where what an extra installs is imported: nowhere else, as it may be missing."""


def declared() -> dict[str, set[str]]:
    """The distributions of `install_requires` (under an empty name) and of each extra."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = {"": setup["options"]["install_requires"], **setup["options.extras_require"]}
    return {extra: {_name(line) for line in text.split("\n") if line} for extra, text in texts.items()}


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower()


def imported(files: Iterable[Path]) -> dict[str, set[str]]:
    """The files that import each distribution other than Python and this one."""
    found: dict[str, set[str]] = {}
    for path in files:
        for name in _modules(path):
            if name not in sys.stdlib_module_names and name != "kaggle_face":
                distribution = DISTRIBUTIONS.get(name, name).lower()
                found.setdefault(distribution, set()).add(path.relative_to(ROOT).as_posix())
    return found


def _modules(path: Path) -> set[str]:
    names: set[str] = set()
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@cache
def of_package() -> dict[str, set[str]]:
    return imported(PACKAGE.rglob("*.py"))


@cache
def of_benchmarks() -> dict[str, set[str]]:
    """What the scripts import besides themselves; nothing of it is an import of the package."""
    found = imported((ROOT / "benchmarks").rglob("*.py"))
    return {name: files for name, files in found.items() if name != "benchmarks"}


def test_all_that_the_package_imports_is_declared() -> None:
    extras = set().union(*(names for extra, names in declared().items() if extra not in ("", "dev", COMPARE)))
    undeclared = {name: files for name, files in of_package().items() if name not in declared()[""] | extras}
    assert not undeclared


def test_what_an_extra_installs_is_imported_where_it_may_be_missing() -> None:
    in_extras = {name: files for name, files in of_package().items() if name not in declared()[""]}
    assert in_extras == {
        name: {f"kaggle_face/{file}" for file in files} for name, files in OPTIONAL_IN.items()
    }


def test_all_that_the_benchmarks_import_is_declared() -> None:
    assert not set(of_benchmarks()) - declared()[""] - declared()[COMPARE]


def test_all_that_is_declared_is_used() -> None:
    used = set(of_package()) | ONLY_FILES_OF | set(NEEDED_BY_OTHERS)
    own = set(of_benchmarks()) | ONLY_FILES_OF
    wanted = {
        extra: names - (own if extra == COMPARE else used)
        for extra, names in declared().items()
        if extra != "dev"
    }
    assert not set().union(*wanted.values()), wanted


def test_packages_of_which_only_files_are_read_are_named_in_the_source() -> None:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    for name in ONLY_FILES_OF:
        assert f'"{name}"' in text or f'"{name.replace("-", "_")}"' in text, name


def test_all_that_the_tests_import_is_declared_and_used() -> None:
    everything = set().union(*declared().values())
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"tests", "benchmarks"}
    found = {name for name in imported((ROOT / "tests").rglob("*.py")) if name not in own}
    assert not found - everything
    assert declared()["dev"] - found - TOOLS == {"kaggle-face"}
