"""`kaggle-face export`, and recognition on what it wrote, as typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from kaggle_face.artifacts.runs import FoldFolder, name_of_run
from kaggle_face.cli.main import main
from tests.support.exported import export_run
from tests.support.gallery_stubs import invented_face

Run = Callable[..., tuple[int, str, str]]
_WITHOUT_TORCH = (
    "import json, sys\n"
    "from kaggle_face.cli.main import main\n"
    "code = main(json.loads(sys.argv[1]))\n"
    "heavy = {'torch', 'onnx', 'pandas', 'cv2', 'kaggle_face.config'} & set(sys.modules)\n"
    "print(code, *sorted(heavy), file=sys.stderr)\n"
)
_LOADED = (
    "import json, sys\n"
    "seen = set(sys.modules)\n"
    "from kaggle_face.cli.main import main\n"
    "code = main(json.loads(sys.argv[1]))\n"
    "print(code, *sorted(set(sys.modules) - seen), file=sys.stderr)\n"
)


_OF_OTHER_COMMANDS = {
    f"kaggle_face.{name}"
    for name in (
        "artifacts.runs",
        "competitions",
        "config",
        "metrics.trials",
        "recognition.detection.mtcnn",
        "recognition.gallery.export",
        "records",
    )
}


@pytest.fixture
def run(exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command beside `runs/faces/main` and `export/`; exit code, standard output and error."""
    monkeypatch.chdir(exported)
    for name in ("KAGGLE_FACE_GALLERY", "KAGGLE_FACE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for person in range(4):
        folder = exported / "people" / f"person {person}"
        folder.mkdir(parents=True)
        Image.fromarray(invented_face(person, 0, 112)).save(folder / "1.png")

    def command(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return command


def without_torch(*words: str, probe: str = _WITHOUT_TORCH) -> tuple[str, list[str]]:
    """Standard output of a command in a process of its own, and exit code and heavy modules."""
    done = subprocess.run(
        [sys.executable, "-c", probe, json.dumps(words)], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr.split("\n")[-2].split()


@pytest.mark.slow  # compares on 500 images
def test_a_run_is_exported_and_a_table_is_shown(run: Run) -> None:
    code, out, err = run("export", "runs/faces/main", "--precision", "fp32,fp16", "--no-flip", "--out", "new")
    assert code == 0 and err == ""
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines if line and line[0] in ("torch", "fp32", "fp16")] == [
        "torch",
        "fp32",
        "fp16",
    ]
    assert "differences: the largest from torch on 500 generated images" in out
    assert out.splitlines()[-1] == "new: model.onnx, model-fp16.onnx, model-card.md"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("export", "runs/faces/nobody"), "no run of"),
        (
            ("export", "optim.lr=0.1"),
            "export takes no settings, got 'optim.lr=0.1': a network is exported with",
        ),
        (("export", "runs/faces/main", "--blend"), "faces/main has no blend; make it"),
        (("export", "runs/faces/main", "--fold", "7"), "fold 7 of faces/main was not trained"),
        (
            ("export", "runs/faces/main", "--precision", "fp8"),
            "a precision is one of fp32, fp16, int8, got 'fp8'",
        ),
        (("export", "runs/faces/main", "--format", "pickle"), "invalid choice: 'pickle'"),
        (("export", "runs/faces/main", "--out", "people"), "people holds other files"),
        (
            ("identify", "people", "--model", "none.onnx", "--gallery", "g.sqlite"),
            "there is no gallery at g.sqlite",
        ),
        (("enroll", "people", "--model", "none.onnx"), "none.onnx cannot be read"),
        (
            ("enroll", "people", "--model", "export/model.onnx", "--fold", "1"),
            "holds one network; leave -c, --run",
        ),
        (
            ("enroll", "people", "--model", "export/model.onnx", "--device", "cuda"),
            "computed on the CPU here",
        ),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, words: tuple[str, ...], line: str) -> None:
    code, _, err = run(*words)
    assert code == 2 and line in err and len(err.splitlines()) == 1


def test_the_run_that_a_setting_names_is_offered(run: Run, exported: Path) -> None:
    named = name_of_run(["data.root=data/x"])
    shutil.copytree(exported / "runs/faces/main", exported / "runs/demo" / named)
    code, _, err = run("export", "data.root=data/x")
    assert code == 2 and err.rstrip().endswith(f"name its run: kaggle-face export {named} -c demo")


def test_identify_and_verify_run_on_the_file_without_torch(run: Run) -> None:
    model = ("--model", "export/model.onnx", "--aligned", "--threshold", "0.5")
    assert run("enroll", "people", "--aligned", "--model", "export/model.onnx")[0] == 0
    picture = "people/person 2/1.png"
    out, (code, *heavy) = without_torch("verify", "person 2", picture, *model)
    assert (code, heavy) == ("0", []) and "shows the same person as person 2: score 1.0000" in out
    # The file made the gallery. More than half of this command's time are imports: no more than it needs.
    out, (code, *loaded) = without_torch("identify", picture, "--aligned", "--json", probe=_LOADED)
    assert code == "0"
    assert json.loads(out)["pictures"][0]["candidates"][0]["name"] == "person 2"
    libraries = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names
    assert libraries == {"kaggle_face", "numpy", "PIL", "onnxruntime"}
    assert set(loaded) & _OF_OTHER_COMMANDS == set()


@pytest.mark.slow
def test_a_face_is_found_and_known_without_torch(run: Run, exported: Path) -> None:
    Image.fromarray(invented_face(1, 1, 240)).save(exported / "photo.jpg", quality=92)
    enrolled, (code, *heavy) = without_torch(
        "enroll", "Ann", "photo.jpg", "--largest", "--model", "export/model.onnx"
    )
    if code == "0":  # the detector finds the face of most invented people
        _, (code, *more) = without_torch("identify", "photo.jpg", "--largest", "--threshold", "0.5")
        assert code == "0" and more == [] and "Ann: images enrolled: 1" in enrolled
    assert heavy == []


def test_file_and_run_are_one_network_for_a_gallery(run: Run, exported: Path) -> None:
    assert run("enroll", "people", "--aligned", "--model", "runs/faces/main")[0] == 0
    picture, usual = "people/person 3/1.png", ("--aligned", "--threshold", "0.5", "--json")
    of_run = json.loads(run("identify", picture, *usual)[1])
    for file in ("model.onnx", "model-fp16.onnx"):
        of_file = json.loads(run("identify", picture, *usual, "--model", f"export/{file}")[1])
        for one, other in zip(
            of_run["pictures"][0]["candidates"], of_file["pictures"][0]["candidates"], strict=True
        ):
            assert one["name"] == other["name"] and one["score"] == pytest.approx(other["score"], abs=1e-3)


def test_another_network_is_refused_and_the_command_in_the_hint_helps(run: Run, exported: Path) -> None:
    assert run("enroll", "people", "--aligned", "--model", "export/model.onnx")[0] == 0
    fold = FoldFolder(exported / "runs" / "faces" / "main" / "fold0")
    export_run(fold, exported / "plain", precisions=("fp32",), flip=False)
    code, _, err = run("identify", "people", "--aligned", "--model", "plain/model.onnx", "--threshold", "0.5")
    assert code == 2 and "people re-embed --model" in err and "--checkpoint" not in err
    assert run("people", "re-embed", "--model", "plain/model.onnx")[0] == 0
    assert run("identify", "people", "--aligned", "--model", "plain/model.onnx", "--threshold", "0.5")[0] == 0
    (exported / "plain" / "model.onnx").unlink()
    code, _, err = run("identify", "people", "--aligned")
    assert code == 2 and "whose file" in err and "is gone; name where it is now: --model FILE" in err
