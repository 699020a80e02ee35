"""The first cells of every notebook: check the bundle, and make its package importable.

They use only the standard library, and no internet. The three folders may be given by environment variables,
so that a notebook can be tried at home.
"""

from __future__ import annotations

# %%
import hashlib
import json
import os
import shutil
import sys
import zipfile
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

# %% parameters
DATASET = "owner/bundle"

# %%
INPUT = Path(os.environ.get("KAGGLE_FACE_INPUT", "/kaggle/input"))
WORKING = Path(os.environ.get("KAGGLE_FACE_WORKING", "/kaggle/working"))
SCRATCH = Path(os.environ.get("KAGGLE_FACE_SCRATCH", "/tmp/kaggle-face"))
BUNDLE = SCRATCH / "bundle"


def mounted(*places: str) -> Path:
    """The first of these folders that is attached to the notebook."""
    found = [INPUT / place for place in places if (INPUT / place).is_dir()]
    if not found:
        raise RuntimeError(f"{places[0]} is not attached to this notebook: add it with 'Add Input'")
    return found[0]


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpack_bundle() -> dict[str, Any]:
    """Copies the bundle to BUNDLE and compares its files with their hashes; the values of `bundle.json`."""
    source = mounted(DATASET.split("/")[1], f"datasets/{DATASET}")
    shutil.rmtree(SCRATCH, ignore_errors=True)
    shutil.copytree(source, BUNDLE)
    for archive in BUNDLE.glob("*.zip"):
        # Kaggle unpacks archives of a dataset; where it did not, it is done here
        zipfile.ZipFile(archive).extractall(BUNDLE / archive.stem)
    about: dict[str, Any] = json.loads((BUNDLE / "bundle.json").read_text(encoding="utf-8"))
    files = about["files"].items()
    broken = [
        name for name, digest in files if not (BUNDLE / name).is_file() or sha256_of(BUNDLE / name) != digest
    ]
    if broken:
        raise RuntimeError(
            f"not whole: {len(broken)} of {len(files)} files, first: {broken[0]}; send the bundle again"
        )
    print(f"bundle of kaggle-face {about['version']}: {len(files)} files, whole")
    return about


# %%
def installed(name: str) -> str | None:
    """The version of a package of this image; None where it has none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def parse_requirement(text: str) -> Any:
    """A requirement such as `numpy>=1.26`, parsed by the packaging library of the image."""
    for module in ("packaging.requirements", "pip._vendor.packaging.requirements"):
        with suppress(ImportError):
            return import_module(module).Requirement(text)
    raise RuntimeError("this image has neither packaging nor pip, to read requirements with")


def use_wheels(about: dict[str, Any]) -> None:
    """Unpacks the wheels of the bundle and puts them before the packages of this image."""
    needs = [parse_requirement(text) for text in about["requires"]]
    lacking = [
        need for need in needs if not need.specifier.contains(installed(need.name) or "0", prereleases=True)
    ]
    wheels = {path.name.split("-")[0].lower().replace("_", "-"): path for path in BUNDLE.glob("wheels/*.whl")}
    unmet = [need for need in lacking if need.name not in wheels]
    if unmet:
        texts = ", ".join(f"{need} (here: {installed(need.name) or 'none'})" for need in unmet)
        again = about["again"].replace("NAMES", ",".join(need.name for need in lacking), 1)
        raise RuntimeError(f"this image lacks {texts}; make the bundle again with: {again}")
    site = SCRATCH / "site"
    for wheel in wheels.values():
        zipfile.ZipFile(wheel).extractall(site)
        print("using", wheel.name)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    sys.path.insert(0, str(site))


def face(*words: str) -> None:
    """Runs a command of the package that `use_wheels` made importable."""
    print("$ kaggle-face", *words, flush=True)
    code = import_module("kaggle_face.cli.main").main(list(words))
    if code:
        raise RuntimeError(f"kaggle-face {words[0]} ended with {code}")


# %%
def data_root(about: dict[str, Any]) -> Path:
    """The folder of the competition, or one that links to each of several competitions."""
    slugs = about["competitions"]
    if slugs == ["demo"]:
        return SCRATCH / "demo"  # the package makes it
    places = {slug: mounted(slug, f"competitions/{slug}") for slug in slugs}
    if len(places) == 1:
        return places[slugs[0]]
    root = SCRATCH / "data"
    root.mkdir(parents=True, exist_ok=True)
    for slug, place in places.items():
        (root / slug).symlink_to(place)
    return root


def words_of_run(about: dict[str, Any]) -> list[str]:
    """The options that name the settings and the run."""
    return ["-c", str(BUNDLE / about["config"]), "--run", about["run"]]


def settings_of_place(about: dict[str, Any], runs: Path) -> list[str]:
    """The settings that differ on this machine."""
    packs = SCRATCH / "packs"
    return [f"data.root={data_root(about)}", f"paths.runs={runs}", f"paths.cache={packs}", "device=auto"]
