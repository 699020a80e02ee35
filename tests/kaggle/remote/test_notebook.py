"""The notebooks themselves, run in a fresh environment whose network is closed."""

from __future__ import annotations

import ast
import io
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.kaggle.notebooks import predict
from kaggle_face.kaggle.remote.notebook import make_notebook
from tests.support.kaggle_server import SLUG, TOKEN, KaggleServer

SETTINGS = f"""\
extends: demo
competition: {{slug: {SLUG}, layout: E, variant: f24}}
data: {{root: data/faces, image_size: 32, workers: 0}}
folds: {{count: 2}}
model: {{backbone_options: {{channels: [8, 8, 16, 16], stem_width: 8}}, embedding_size: 16}}
train: {{epochs: 1, batch_size: 8, tensorboard: false}}
device: cpu
submit: {{silent_seconds: 300}}
"""
NETWORK_IS_CLOSED = """\
import socket

def closed(*arguments, **options):
    raise OSError("the network is closed")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = closed
"""


def code_of(notebook: str) -> str:
    """The code cells of a notebook as one script."""
    cells = json.loads(notebook)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


class Machine:
    """Kaggle's machine: what is attached lies below `input`, and a pushed notebook runs at once."""

    def __init__(self, kaggle: KaggleServer, folder: Path) -> None:
        self.kaggle, self.folder = kaggle, folder
        self.log = ""
        venv.create(folder / "python", with_pip=False)
        (site,) = (folder / "python").glob("lib/python*/site-packages")
        # the image's packages, but not this one: a path file does not follow that of an editable install
        (site / "image.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
        (site / "sitecustomize.py").write_text(NETWORK_IS_CLOSED)
        (folder / "input").mkdir()
        kaggle.on_push = self.run

    def run(self, name: str, body: dict[str, object]) -> None:
        attached = self.folder / "input" / "datasets" / name
        for file, content in self.kaggle.datasets[name]["versions"][-1].items():
            if file.endswith(".zip"):
                zipfile.ZipFile(io.BytesIO(content)).extractall(attached / file.removesuffix(".zip"))
            else:
                attached.mkdir(parents=True, exist_ok=True)
                (attached / file).write_bytes(content)
        working = self.folder / name.replace("/", "-")
        working.mkdir()
        places = {"INPUT": self.folder / "input", "WORKING": working, "SCRATCH": self.folder / "scratch"}
        environment = {f"KAGGLE_FACE_{key}": str(path) for key, path in places.items()}
        script = self.folder / "notebook.py"
        script.write_text(code_of(str(body["text"])))
        done = subprocess.run(
            [str(self.folder / "python" / "bin" / "python"), str(script)],
            env=environment | {"PATH": os.environ["PATH"], "HOME": str(self.folder), "OMP_NUM_THREADS": "1"},
            cwd=working,
            capture_output=True,
            text=True,
            check=False,
        )
        self.log = done.stdout + done.stderr
        kernel = self.kaggle.kernels[name]
        kernel["states"] = [{"status": "ERROR" if done.returncode else "COMPLETE"}]
        kernel["log"] = self.log
        files = [path for path in working.rglob("*") if path.is_file()]
        kernel["output"] = {path.relative_to(working).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def machine(kaggle, clock, tmp_path, tiny_faces) -> Machine:
    Path("configs/faces.yaml").write_text(SETTINGS)
    Path("data").mkdir()
    Path("data/faces").symlink_to(tiny_faces)
    folder = tmp_path / "machine"
    folder.mkdir()
    machine = Machine(kaggle, folder)
    (folder / "input" / SLUG).symlink_to(tiny_faces)
    return machine


@pytest.mark.slow
def test_a_fold_trained_there_is_predicted_there_without_internet(kaggle, machine, capsys):
    assert main(["train", "--fold", "0", "--on", "kaggle", "optim.lr=0.05", "--run", "main"]) == 0, (
        machine.log
    )
    run = RunFolder(Path("runs/faces/main"))
    assert run.fold(0).is_finished and run.fold(0).read_info()["overrides"] == ["optim.lr=0.05"]
    assert "using kaggle_face-" in machine.log

    assert main(["bundle", "--upload", "--checkpoints", "best_ver"]) == 0, machine.log
    assert "faces-main: dataset of" in capsys.readouterr().out.replace("bundles/faces/main", "faces-main")
    output = kaggle.kernels["alice/kaggle-face-predict-faces-main"]["output"]
    assert "submission.csv" in output, machine.log
    submission = output["submission.csv"]
    assert submission == output["submissions/faces/main_ensemble_verification.csv"]
    Path("submission.csv").write_bytes(submission)
    assert main(["submit", "--file", "submission.csv", "--task", "verification", "--dry-run"]) == 0
    assert TOKEN not in machine.log


def test_a_package_that_the_image_lacks_is_named(kaggle, machine, capsys):
    bundle = write_predict_bundle(machine)
    about = json.loads((bundle / "bundle.json").read_text())
    about["requires"] += ["numpy>=1.0", "no-such-package>=3.1", "pillow>=99"]
    (bundle / "bundle.json").write_text(json.dumps(about))
    done = run_at_home(machine, bundle)
    assert done.returncode == 1
    assert "this image lacks no-such-package>=3.1 (here: none), pillow>=99 (here: 1" in done.stderr
    assert "kaggle-face bundle --wheels no-such-package,pillow" in done.stderr


def test_a_bundle_that_did_not_arrive_whole_is_told(kaggle, machine):
    bundle = write_predict_bundle(machine)
    (bundle / "faces.yaml").write_text("damaged")
    done = run_at_home(machine, bundle)
    assert done.returncode == 1
    assert "not whole: 1 of 3 files, first: faces.yaml; send the bundle again" in done.stderr


def test_a_competition_that_is_not_attached_is_told(kaggle, machine):
    bundle = write_predict_bundle(machine)
    (machine.folder / "input" / SLUG).unlink()
    done = run_at_home(machine, bundle)
    assert done.returncode == 1
    assert f"{SLUG} is not attached to this notebook: add it with 'Add Input'" in done.stderr


def write_predict_bundle(machine: Machine) -> Path:
    """A bundle of a fold without weights worth the name, attached as Kaggle does with a newer notebook."""
    from kaggle_face.config import load_config
    from kaggle_face.kaggle.remote.bundle import BundlePlan, write_bundle

    run = RunFolder(Path("runs/faces/main"))
    weights = run.fold(0).weights_file("best_ver")
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    wanted = BundlePlan("predict", load_config("faces").config, "faces", run, "alice")
    attached = machine.folder / "input" / "datasets" / "alice"
    write_bundle(wanted, [[weights]], attached / "bundle", None)
    dataset = attached / wanted.slug
    (attached / "bundle" / "dataset").rename(dataset)
    (attached / "bundle" / "notebook" / "predict.ipynb").rename(machine.folder / "predict.ipynb")
    return dataset


def run_at_home(machine: Machine, bundle: Path) -> subprocess.CompletedProcess[str]:
    script = machine.folder / "notebook.py"
    script.write_text(code_of((machine.folder / "predict.ipynb").read_text()))
    places = {"INPUT": bundle.parents[2], "WORKING": machine.folder, "SCRATCH": machine.folder / "scratch"}
    environment = {f"KAGGLE_FACE_{key}": str(path) for key, path in places.items()}
    return subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("task", ["verification", "classification"])
def test_a_runs_name_chooses_no_csv(tmp_path: Path, monkeypatch, task: str) -> None:
    run = "classification-and-verification"  # every file's name has both tasks in it
    about = {"task": task, "predict": [], "ensemble": [], "config": "faces.yaml", "run": run}
    written = tmp_path / "submissions" / "faces"

    def face(command: str, *_: str) -> None:
        if command == "submit":
            written.mkdir(parents=True)
            for each in ("classification", "verification"):
                (written / f"{run}_ensemble_{each}.csv").write_text(each)

    (tmp_path / "bundle" / "runs").mkdir(parents=True)
    for name, value in {
        "BUNDLE": tmp_path / "bundle",
        "SCRATCH": tmp_path / "scratch",
        "WORKING": tmp_path,
        "unpack_bundle": lambda: about,
        "use_wheels": lambda about: None,
        "settings_of_place": lambda about, runs: [],
        "face": face,
    }.items():
        monkeypatch.setattr(predict, name, value)
    predict.predict()
    assert (tmp_path / "submission.csv").read_text() == task


@pytest.mark.parametrize("kind", ["predict", "train"])
def test_a_notebook_holds_its_dataset_and_needs_no_package_before_it_is_unpacked(kind: str) -> None:
    notebook = json.loads(make_notebook(kind, "alice/faces"))
    first, *code = notebook["cells"]
    assert first["cell_type"] == "markdown" and "".join(first["source"]).startswith("# ")
    assert {cell["cell_type"] for cell in code} == {"code"}
    script = code_of(json.dumps(notebook))
    assert script.count("DATASET = ") == 1 and "DATASET = 'alice/faces'\n" in script
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(script))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names
