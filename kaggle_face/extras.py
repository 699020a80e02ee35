"""The optional packages that each extra installs, looked up before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

from kaggle_face.errors import MissingExtraError

Extra = Literal["align", "app", "index", "mlflow", "onnx", "report", "tune", "wandb"]

EXTRAS: Mapping[Extra, Mapping[str, str]] = MappingProxyType(
    {
        "align": {"mtcnn": "mtcnn", "lz4": "lz4"},
        "app": {"flask": "flask", "waitress": "waitress", "werkzeug": "werkzeug"},
        "index": {"faiss": "faiss-cpu"},
        "mlflow": {"mlflow": "mlflow"},
        "onnx": {"onnx": "onnx", "onnxruntime": "onnxruntime"},
        "report": {"plotly": "plotly"},
        "tune": {"optuna": "optuna"},
        "wandb": {"wandb": "wandb"},
    }
)
"""For each extra the package of each module that is imported."""


def require_extra(extra: Extra, *modules: str) -> None:
    """Checks that an extra is installed, in milliseconds: nothing is imported.

    Args:
        extra: Its name.
        modules: Those of its modules that are needed; none: all.

    Raises:
        MissingExtraError: A module is not there; the package that has it is named.
    """
    for module in modules or EXTRAS[extra]:
        spec = find_spec(module)
        # Clients leave folders of their own name in working directories, which Python takes for packages.
        if spec is None or spec.origin is None:
            raise MissingExtraError(EXTRAS[extra][module], extra)
