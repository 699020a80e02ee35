"""The installed package as a wheel, without build tools and without a network.

A wheel is a zip archive with the package's files and a `.dist-info` folder (Python packaging's "Binary
distribution format"). All time stamps are the same, so equal sources give equal bytes.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import kaggle_face
from kaggle_face.artifacts.files.atomic import replacing
from kaggle_face.config.loading import packaged_configs

_PACKAGE, _DISTRIBUTION = "kaggle_face", "kaggle-face"
_TIME = (2020, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: kaggle-face\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_SUFFIXES = (".py", ".typed", ".yaml", ".html", ".css", ".js", ".csv", ".json", ".txt", ".svg")


def write_wheel(folder: Path) -> Path:
    """Writes `kaggle_face-<version>-py3-none-any.whl`."""
    name = f"{_PACKAGE}-{kaggle_face.__version__}"
    path = folder / f"{name}-py3-none-any.whl"
    info = f"{name}.dist-info"
    files = dict(_package_files())
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    record = [f"{inside},sha256={_digest(content)},{len(content)}" for inside, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, content in files.items():
            archive.writestr(zipfile.ZipInfo(inside, _TIME), content, zipfile.ZIP_DEFLATED)
    return path


def requirements() -> list[str]:
    """What the package needs, without its extras, such as `numpy>=1.26`."""
    found = metadata.requires(_DISTRIBUTION) or []
    return sorted(text for text in found if "extra ==" not in text)


def _package_files() -> Iterator[tuple[str, bytes]]:
    """Every file of the package, and its settings, which in a checkout lie beside it."""
    package = Path(kaggle_face.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and path.suffix in _SUFFIXES and "__pycache__" not in path.parts:
            inside = path.relative_to(package)
            if inside.parts[0] != "configs":
                yield f"{_PACKAGE}/{inside.as_posix()}", path.read_bytes()
    for path in sorted(packaged_configs().glob("*.yaml")):
        yield f"{_PACKAGE}/configs/{path.name}", path.read_bytes()


def _metadata() -> str:
    needed = "".join(f"Requires-Dist: {text}\n" for text in requirements())
    return (
        f"Metadata-Version: 2.1\nName: {_DISTRIBUTION}\nVersion: {kaggle_face.__version__}\n"
        f"Requires-Python: >=3.11\n{needed}"
    )


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
