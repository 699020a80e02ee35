"""From a face competition's download to a scored submission.

From a notebook, a competition is a project. Its stages leave records on disk, like the commands of a shell:

    import kaggle_face as kf

    project = kf.open_project("demo", {"train.epochs": 3})   # settings; data is read when it is needed
    run = project.train(folds=[0, 1])                         # a run; one that was stopped goes on
    run.history                                               # pandas.DataFrame
    run.predict()                                             # the test set through every checkpoint
    blend = project.ensemble([run])                           # weights chosen on held-out images
    project.write_submissions(blend)                          # checked CSVs

Projects:
    `open_project`, `init_project`, `known_competitions`, `describe_competition`, `generate_faces`;
    `Project`, `Run`, `Blend`, `Member`; `export` writes ONNX files (`Export`) that need no torch.

Parts that are used alone, on plain arrays and tensors:
    `metrics` (NumPy), `heads` and `losses` (PyTorch modules), `cutmix`, `mixup`, `load_embedder`, `Embedder`.

One-shot recognition:
    `open_gallery`, `PeopleGallery`.

Errors, whose message is one line, the same as on the command line:
    `KaggleFaceError` and, below it, `InputError`, `ConfigError`, `DataError`, `RunError`, `RulesError`,
    `SubmissionError`, `GalleryError`, `RemoteError`.

Everything else may change from release to release. Importing this package imports nothing heavy: each name
loads what it needs when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kaggle_face import metrics
    from kaggle_face.data.augmentation.mixing import cutmix, mixup
    from kaggle_face.errors import (
        ConfigError,
        DataError,
        GalleryError,
        InputError,
        KaggleFaceError,
        RemoteError,
        RulesError,
        RunError,
        SubmissionError,
    )
    from kaggle_face.inference.embedder import Embedder, load_embedder
    from kaggle_face.model import heads
    from kaggle_face.project.blend import Blend
    from kaggle_face.project.exporting import Export, export
    from kaggle_face.project.gallery import PeopleGallery, open_gallery
    from kaggle_face.project.opening import (
        describe_competition,
        generate_faces,
        init_project,
        known_competitions,
        open_project,
    )
    from kaggle_face.project.project import Project
    from kaggle_face.project.run import Member, Run
    from kaggle_face.train import losses

__version__ = "0.1.0"

__all__ = [
    "Blend",
    "ConfigError",
    "DataError",
    "Embedder",
    "Export",
    "GalleryError",
    "InputError",
    "KaggleFaceError",
    "Member",
    "PeopleGallery",
    "Project",
    "RemoteError",
    "RulesError",
    "Run",
    "RunError",
    "SubmissionError",
    "__version__",
    "cutmix",
    "describe_competition",
    "export",
    "generate_faces",
    "heads",
    "init_project",
    "known_competitions",
    "load_embedder",
    "losses",
    "metrics",
    "mixup",
    "open_gallery",
    "open_project",
]

_MODULES = {"metrics": "metrics", "heads": "model.heads", "losses": "train.losses"}
_HOME = {
    **dict.fromkeys(
        (
            "ConfigError",
            "DataError",
            "GalleryError",
            "InputError",
            "KaggleFaceError",
            "RemoteError",
            "RulesError",
            "RunError",
            "SubmissionError",
        ),
        "errors",
    ),
    **dict.fromkeys(
        ("describe_competition", "generate_faces", "init_project", "known_competitions", "open_project"),
        "project.opening",
    ),
    "Project": "project.project",
    **dict.fromkeys(("Export", "export"), "project.exporting"),
    **dict.fromkeys(("PeopleGallery", "open_gallery"), "project.gallery"),
    **dict.fromkeys(("Member", "Run"), "project.run"),
    **dict.fromkeys(("cutmix", "mixup"), "data.augmentation.mixing"),
    **dict.fromkeys(("Embedder", "load_embedder"), "inference.embedder"),
    "Blend": "project.blend",
}
"""Where each name is defined, below this package."""


def __getattr__(name: str) -> Any:
    """Loads a public name when it is first used (PEP 562)."""
    if name in _MODULES:
        found: Any = import_module(f"{__name__}.{_MODULES[name]}")
    elif name in _HOME:
        found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, for tab completion."""
    return sorted(__all__)
