"""The import order of ARCHITECTURE.md, read from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from graphlib import TopologicalSorter
from pathlib import Path

import kaggle_face
from tests.support.sources import imports_of

PACKAGE = Path(kaggle_face.__file__).parent
LAYERS: list[set[str]] = [
    {
        "errors",
        "hints",
        "progress",
        "hardware",
        "stopping",
        "tasks",
        "string_hashing",
        "file_names",
    },
    {"records", "pictures", "extras", "notebook_progress", "plotly_script"},
    {"config"},
    {"arguments"},
    {"artifacts"},
    {"metrics"},
    {"synthetic"},
    {"competitions", "data", "model"},
    {"inference"},
    {"evaluation"},
    {"kaggle"},
    {"train", "ensemble", "submission", "recognition", "report", "exporting"},
    {"pipeline"},
    {"bench"},
    {"summaries"},
    {"cli", "project"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
ONLY_IN: dict[str, tuple[str, ...]] = {
    "timm": ("model/backbones/timm_library.py",),
    "albumentations": ("data/augmentation/per_image.py",),
    "kaggle": ("kaggle/client/client.py",),
    "sqlite3": (
        "submission/ledger/database.py",
        "recognition/gallery/database.py",
        "recognition/gallery/integrity.py",
    ),
    "lz4": ("recognition/detection/weights.py",),
    "pickle": ("recognition/detection/weights.py",),
    "faiss": ("recognition/faiss_index.py",),
    "dlib": (),
    "benchmarks": (),
    "onnx": ("exporting/graph.py", "exporting/precision.py"),
    "onnxruntime": ("exporting/precision.py", "inference/onnx_embedder.py"),
    "flask": ("recognition/app/server.py",),
    "waitress": ("recognition/app/server.py",),
    "plotly": ("plotly_script.py",),
    "mlflow": ("train/loggers/mlflow_client.py",),
    "wandb": ("train/loggers/weights_and_biases.py",),
}
NEVER = {
    "competitions": {"torch", "timm"},
    "synthetic": {"torch", "timm"},
    "metrics": {"torch", "pandas"},
    "evaluation": {"torch"},
    "ensemble": {"torch"},
    "submission": {"torch"},
    "kaggle": {"torch"},
    "model": {"pandas"},
    "recognition": {"pandas"},
}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in LEVEL)


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif node.module:
            names.add(node.module)
    return names


def imported_modules(path: Path, known: Collection[str]) -> set[str]:
    """The modules of the package that a file imports, at any place of it."""
    modules_of: set[str] = set()
    for node in imports_of(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            modules_of |= {name if name in known else node.module for name in full}
    return modules_of & set(known)


def part_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def test_a_module_imports_only_what_lies_below_it() -> None:
    upwards = []
    for path in modules():
        part = part_of(path)
        parts = {name.split(".")[1] for name in imported_names(path) if name.startswith("kaggle_face.")}
        upwards += [
            f"{path}: {part} must not import {each}" for each in parts - {part} if LEVEL[each] >= LEVEL[part]
        ]
    assert upwards == []


def test_one_file_alone_imports_each_fenced_library() -> None:
    strays = []
    for path in modules():
        roots = {name.split(".")[0] for name in imported_names(path)}
        inside = path.relative_to(PACKAGE).as_posix()
        fenced = {library for library in roots & ONLY_IN.keys() if inside not in ONLY_IN[library]}
        strays += [f"{inside} imports {each}" for each in fenced | roots & NEVER.get(part_of(path), set())]
    assert strays == []


def test_one_folder_alone_speaks_to_other_processes() -> None:
    speakers = [
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if re.search(r"torch\.distributed|torch\.nn\.parallel|import (.*, )?distributed", path.read_text())
    ]
    assert "train/parallel/messages.py" in speakers
    # The last two name torchrun's module to start it, and import nothing of it.
    others = {"train/distributed.py", "pipeline/launch/devices.py", "pipeline/launch/slurm.py"}
    assert {name for name in speakers if not name.startswith("train/parallel/")} == others


def test_every_part_has_a_layer() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert parts <= LEVEL.keys()


def test_no_circle_of_imports_even_for_types_alone() -> None:
    names = {path: ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in modules()}
    known = {name.removesuffix(".__init__"): path for path, name in names.items()}
    graph = {name: imported_modules(path, known.keys()) - {name} for name, path in known.items()}
    TopologicalSorter(graph).prepare()  # a circle is a CycleError that names it
