"""`enroll`, `verify`, `identify` and `people`, as typed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from kaggle_face.cli.main import main
from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from tests.support.gallery_stubs import invented_face, jpeg_of, write_trained_run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a.jpg`, `b.jpg`, `c.jpg` and `group.jpg` (a and b) of invented people whose faces are found."""
    folder = tmp_path_factory.mktemp("pictures")
    detector = MtcnnDetector()
    faces = [invented_face(person, 1) for person in range(20)]
    found = [face for face in faces if len(detector.detect(face)) == 1][:3]
    assert len(found) == 3, "the detector finds hardly any invented face"
    for name, face in zip("abc", found, strict=True):
        (folder / f"{name}.jpg").write_bytes(jpeg_of(face))
    group = Image.new("RGB", (620, 300), (90, 110, 140))
    for number, face in enumerate(found[:2]):
        group.paste(Image.fromarray(face), (30 + 310 * number, 30))
    group.save(folder / "group.jpg", quality=92)
    Image.new("RGB", (300, 200), (150, 150, 140)).save(folder / "wall.png")
    (folder / "letter.jpg").write_text("this is a letter")
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with one trained run; exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAGGLE_FACE_GALLERY", raising=False)
    monkeypatch.delenv("KAGGLE_FACE_CONFIG", raising=False)
    write_trained_run(tmp_path / "runs" / "demo" / "main" / "fold0")

    def command(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return command


@pytest.fixture(scope="module")
def gallery_of_two(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with Ann and Bob, to be copied."""
    folder = tmp_path_factory.mktemp("enrolled")
    write_trained_run(folder / "runs" / "demo" / "main" / "fold0")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("KAGGLE_FACE_GALLERY", "KAGGLE_FACE_CONFIG"):
            patch.delenv(name, raising=False)
        for name, picture in (("Ann", "a.jpg"), ("Bob", "b.jpg")):
            assert main(["enroll", name, str(pictures / picture)]) == 0
    return folder / "gallery.sqlite"


@pytest.fixture
def enrolled(run: Run, tmp_path: Path, gallery_of_two: Path) -> Run:
    """The same with Ann and Bob enrolled."""
    for file in gallery_of_two.parent.glob("gallery.sqlite*"):
        shutil.copy(file, tmp_path)
    return run


def test_enrolling_says_which_face_was_used(run: Run, pictures: Path) -> None:
    code, out, _ = run("enroll", "Ann", pictures / "a.jpg")
    assert code == 0
    assert "a.jpg: face of" in out
    assert "Ann: images enrolled: 1, 1 in all" in out


def test_a_soup_is_the_model_only_when_it_is_named(run: Run, pictures: Path) -> None:
    soup = Path("runs/demo/soup/fold0")
    write_trained_run(soup)
    about = json.loads((soup / "run.json").read_text())
    (soup / "run.json").write_text(json.dumps({**about, "kind": "soup"}))
    enroll = ("enroll", "Ann", pictures / "a.jpg", "--aligned", "--gallery")
    line = "demo/main, of 2 runs: the others are soups"
    code, out, err = run(*enroll, "first.sqlite")
    assert (code, err) == (0, "") and out.splitlines()[0] == line
    code, out, err = run(*enroll, "second.sqlite", "--json")
    assert json.loads(out)["name"] == "Ann" and line in err
    assert (
        "demo/soup fold 0"
        in run(*enroll, "third.sqlite", "--run", "soup")[1]
        + run("people", "list", "--gallery", "third.sqlite")[1]
    )


def test_of_two_runs_that_could_be_the_model_none_is_guessed(run: Run, pictures: Path) -> None:
    write_trained_run(Path("runs/demo/other/fold0"))
    code, _, err = run("enroll", "Ann", pictures / "a.jpg", "--aligned")
    assert code == 2 and "2 runs of 'demo' could be meant: main (" in err and "say which: --run main" in err
    assert not Path("gallery.sqlite").exists()


def test_a_verified_person_exits_with_0_and_another_with_3(enrolled: Run, pictures: Path) -> None:
    accepted = enrolled("verify", "Ann", pictures / "a.jpg", "--threshold", "0.99")
    rejected = enrolled("verify", "ann", pictures / "c.jpg", "--threshold", "1")
    assert (accepted[0], rejected[0]) == (0, 3)
    assert (
        "shows the same person as Ann: score 1.0000, threshold 0.9900 (given), margin +0.0100" in accepted[1]
    )
    assert "NOT the same person as Ann" in rejected[1]


def test_two_pictures_are_verified_without_a_gallery(run: Run, pictures: Path) -> None:
    assert run("verify", pictures / "a.jpg", pictures / "a.jpg", "--threshold", "0.99")[0] == 0
    code, out, _ = run("verify", pictures / "a.jpg", pictures / "b.jpg", "--threshold", "1", "--json")
    values = json.loads(out)
    assert code == 3
    assert values["accepted"] is False
    assert values["margin"] == pytest.approx(values["score"] - 1, abs=1e-5)
    assert len(values["faces"]) == 2


def test_the_threshold_of_the_run_is_named_in_the_answer(enrolled: Run, pictures: Path) -> None:
    _, out, _ = enrolled("verify", "Ann", pictures / "a.jpg", "--json")
    threshold = json.loads(out)["threshold"]
    assert (threshold["name"], threshold["num_different"]) == ("fpr-1e-3", 10_000)
    assert threshold["value"] == pytest.approx(0.9)


def test_known_people_are_identified_and_unknown_people_are_not(enrolled: Run, pictures: Path) -> None:
    code, out, _ = enrolled("identify", pictures / "b.jpg", "--threshold", "0.99")
    assert code == 0
    assert "b.jpg shows Bob: score 1.0000" in out
    assert "compared with 2 people" in out
    code, out, _ = enrolled("identify", pictures / "b.jpg", pictures / "c.jpg", "--threshold", "1", "--json")
    values = json.loads(out)
    assert code == 3
    assert values["people"] == 2
    assert values["pictures"][1]["name"] is None
    assert [one["name"] for one in values["pictures"][0]["candidates"]] == ["Bob", "Ann"]


def test_a_bad_picture_among_good_ones_is_told_and_the_others_are_answered(
    enrolled: Run, pictures: Path
) -> None:
    code, out, err = enrolled("identify", pictures / "letter.jpg", pictures / "a.jpg", pictures / "wall.png")
    assert code == 2
    assert "a.jpg shows" in out
    assert "letter.jpg cannot be read (not a picture)" in err
    assert "no face was found in" in err


def test_of_several_faces_one_is_chosen(run: Run, pictures: Path, tmp_path: Path) -> None:
    code, _, err = run("enroll", "Ann", pictures / "group.jpg")
    assert (code, "shows 2 faces" in err, "--largest" in err) == (2, True, True)
    assert run("enroll", "Ann", pictures / "group.jpg", "--face", "1")[0] == 0
    assert run("enroll", "Bob", pictures / "group.jpg", "--face", "2", "--save-faces", "used")[0] == 0
    with Image.open(tmp_path / "used" / "001-group.png") as used:
        assert used.size == (112, 112)
    assert run("enroll", "Chi", pictures / "group.jpg", "--face", "7")[0] == 2


def test_a_folder_of_people_is_enrolled_and_what_is_left_out_is_told(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    for name, picture in (("Ann", "a.jpg"), ("Bob", "b.jpg"), ("Eve", "letter.jpg")):
        (tmp_path / "people" / name).mkdir(parents=True)
        (tmp_path / "people" / name / "1.jpg").write_bytes((pictures / picture).read_bytes())
    code, out, err = run("enroll", "people")
    assert code == 3
    assert "2 people enrolled with 2 images; 1 left out" in out
    assert "left out: Eve/1.jpg cannot be read" in err
    code, _, err = run("enroll", "people")
    assert (code, "2 of 3 people are enrolled already, first: Ann; use --skip" in err) == (2, True)
    code, out, _ = run("enroll", "people", "--skip", "--json")
    assert json.loads(out)["skipped_people"] == 2


def test_the_folders_of_several_people_are_not_taken_for_one_person(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    for name, picture in (("Ann", "a.jpg"), ("Bob", "b.jpg")):
        (tmp_path / "people" / name).mkdir(parents=True)
        shutil.copyfile(pictures / picture, tmp_path / "people" / name / "1.jpg")
    os.chdir(tmp_path / "people")
    model = ("--model", tmp_path / "runs/demo/main", "--gallery", tmp_path / "gallery.sqlite")
    code, _, err = run("enroll", "Ann", "Bob", *model)  # as a shell writes `enroll *`
    assert code == 2 and "Ann and Bob are both folders" in err
    hint = err[err.index("kaggle-face enroll") :].split()[1:]
    code, out, _ = run(*hint, *model[:2])
    assert (code, "2 people enrolled with 2 images" in out) == (0, True)
    assert run("enroll", "Ann", "Ann", *model, "--replace")[0] == 0
    shutil.copytree("Ann", "holiday_of_ann")
    assert run("enroll", "Ann", "holiday_of_ann", *model, "--replace")[0] == 0, "no shell writes that for *"


def test_the_faces_of_a_folder_of_people_are_saved_by_person(run: Run, pictures: Path) -> None:
    for name, picture in (("Ann", "a.jpg"), ("Bob", "b.jpg")):
        (Path("people") / name).mkdir(parents=True)
        shutil.copyfile(pictures / picture, f"people/{name}/1.jpg")
    assert run("enroll", "people", "--aligned", "--save-faces", "faces")[0] == 0
    found = sorted(path.relative_to("faces").as_posix() for path in Path("faces").rglob("*.png"))
    assert found == ["Ann/001-1.png", "Bob/001-1.png"]


def test_a_folder_of_pictures_is_one_person(run: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "shots" / name).write_bytes((pictures / name).read_bytes())
    assert "Ann: images enrolled: 2" in run("enroll", "Ann", "shots")[1]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["enroll", "Ann"], "is not a folder of people, and a name needs pictures"),
        (["enroll", "Ann", "none.jpg"], "none.jpg cannot be read: No such file"),
        (["enroll", "a/b", "{a}"], "a person's name must not hold '/'"),
        (["enroll", "<i>Ann</i>", "{a}"], "a person's name must not hold '<'"),
        (["enroll", "Ann", "{letter}"], "cannot be read (not a picture)"),
        (["enroll", "Ann", "{wall}"], "no face was found in"),
        (["identify", "{a}"], "there is no gallery at gallery.sqlite; enroll somebody first"),
        (["verify", "Ann", "{a}"], "and nobody is enrolled"),
        (["people", "list"], "there is no gallery"),
        (["people", "lsit"], "argument ACTION: invalid choice: 'lsit'"),
        (["people", "lsit"], "; did you mean 'list'?"),
        (["people", "rename", "Ann"], "people rename: the following arguments are required: NEW"),
        (
            ["people", "evaluate", "f", "--compare", "dlib"],
            "run: python -m benchmarks.recognition",
        ),
        (
            ["enroll", "Ann", "{a}", "--fold", "3"],
            "(trained: 0); run: kaggle-face train --fold 3",
        ),
        (["enroll", "Ann", "{a}", "--run", "mian"], "there is no run 'mian' of 'demo'"),
        (
            ["verify", "{a}", "{a}", "--threshold", "high"],
            "a threshold is fpr-1e-2, fpr-1e-3, eer or a number",
        ),
        (["enroll", "Ann", "{a}", "--gallery", "{letter}"], "is not a gallery: it is not an SQLite database"),
        (["people", "import", "none.zip"], "there is no export at none.zip"),
        (["people", "evaluate", "f", "--save-faces", "d"], "unrecognized arguments: --save-faces"),
        (["people", "evaluate", "f", "--draws", "0"], "draws must be at least 1, got 0"),
        (
            ["enroll", "Ann", "{a}", "--model", "runs/demo/main", "--run", "other"],
            "the folder runs/demo/main names the run already; leave -c and --run out",
        ),
        (
            ["enroll", "Ann", "{a}", "--model", "runs/demo/main/fold0", "--fold", "3"],
            "runs/demo/main/fold0 is not fold 3; leave --fold out",
        ),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    run: Run, pictures: Path, words: list[str], problem: str
) -> None:
    files = {"a": pictures / "a.jpg", "letter": pictures / "letter.jpg", "wall": pictures / "wall.png"}
    code, _, err = run(*(word.format(**files) for word in words))
    assert code == 2
    assert problem in err
    assert err.count("\n") == 1


def test_after_a_refused_first_enrolment_no_gallery_is_left_behind(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    run("enroll", "Ann", pictures / "letter.jpg")
    run("enroll", "a/b", pictures / "a.jpg")
    assert not (tmp_path / "gallery.sqlite").exists()


def test_a_duplicate_name_is_refused_unless_it_is_asked_for(enrolled: Run, pictures: Path) -> None:
    code, _, err = enrolled("enroll", "ANN", pictures / "c.jpg")
    assert (code, "'Ann' is enrolled already" in err) == (2, True)
    assert enrolled("enroll", "ANN", pictures / "c.jpg", "--add")[0] == 0


def test_an_empty_gallery_is_told(enrolled: Run, pictures: Path) -> None:
    assert enrolled("people", "remove", "Ann", "Bob")[0] == 0
    assert "nobody is enrolled" in enrolled("people")[1]
    code, _, err = enrolled("identify", pictures / "a.jpg")
    assert (code, "nobody is enrolled in gallery.sqlite" in err) == (2, True)


def test_another_model_is_refused_until_the_gallery_is_re_embedded(
    enrolled: Run, pictures: Path, tmp_path: Path
) -> None:
    other = write_trained_run(tmp_path / "runs" / "demo" / "other" / "fold0", seed=4)
    code, _, err = enrolled("identify", pictures / "a.jpg", "--run", "other")
    assert code == 2
    way_out = err[err.index("people re-embed") :].split()
    code, out, _ = enrolled(*way_out)
    assert (code, "2 images embedded by demo/other fold 0" in out) == (0, True)
    assert enrolled("identify", pictures / "a.jpg", "--threshold", "0.99")[0] == 0
    assert str(other.path) in " ".join(way_out)


def test_a_gallery_travels_by_export_and_import(enrolled: Run, pictures: Path) -> None:
    assert enrolled("people", "export", "all.zip")[0] == 0
    code, out, _ = enrolled("people", "import", "all.zip", "--gallery", "new.sqlite")
    assert (code, "2 people with 2 new images" in out) == (0, True)
    assert enrolled("identify", pictures / "b.jpg", "--gallery", "new.sqlite", "--threshold", "0.99")[0] == 0


def test_people_are_listed_shown_renamed_and_audited_as_json(enrolled: Run) -> None:
    assert enrolled("people", "rename", "Bob", "Bobby")[0] == 0
    listed = json.loads(enrolled("people", "list", "--json")[1])
    assert [one["name"] for one in listed["people"]] == ["Ann", "Bobby"]
    assert listed["model"].startswith("demo/main fold 0 best_ver")
    shown = json.loads(enrolled("people", "show", "bobby", "--json")[1])
    assert shown["images"][0]["source"].endswith("b.jpg")
    audited = json.loads(enrolled("people", "audit", "--json")[1])
    assert [row["action"] for row in audited] == ["enroll", "enroll", "rename"]


def test_pictures_of_a_person_are_shown_and_removed(enrolled: Run, pictures: Path) -> None:
    assert enrolled("enroll", "Ann", pictures / "c.jpg", "--add", "--no-pictures")[0] == 0
    first, second = json.loads(enrolled("people", "show", "ann", "--json")[1])["images"]
    assert (first["kept"], second["kept"]) == (True, False)
    assert first["similarity"] == pytest.approx(second["similarity"])  # with two, each is the other's mean
    table = enrolled("people", "show", "Ann")[1]
    assert "not kept" in table and f"{first['similarity']:.3f}" in table
    code, out, _ = enrolled("people", "remove-picture", "Ann", second["number"])
    assert (code, "Ann: pictures removed: 1, 1 left" in out) == (0, True)
    (left,) = json.loads(enrolled("people", "show", "Ann", "--json")[1])["images"]
    assert (left["number"], left["similarity"]) == (first["number"], None)
    code, _, err = enrolled("people", "remove-picture", "Ann", first["number"])
    assert code == 2 and "remove the person instead: kaggle-face people remove Ann" in err


def test_the_gallery_can_be_chosen_by_the_environment(
    run: Run, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_FACE_GALLERY", "elsewhere.sqlite")
    run("enroll", "Ann", pictures / "a.jpg")
    assert (tmp_path / "elsewhere.sqlite").exists()


@pytest.mark.slow
@pytest.mark.ci
def test_aligned_crops_are_measured_and_kept_embeddings_are_used_again(run: Run, tmp_path: Path) -> None:
    for person in range(6):
        folder = tmp_path / "crops" / f"p{person}"
        folder.mkdir(parents=True)
        for picture in range(3):
            (folder / f"{picture}.jpg").write_bytes(jpeg_of(invented_face(person, picture, 64)))
    words = ["people", "evaluate", "crops", "--aligned", "--sizes", "3,6", "--shots", "1,2", "--ways", "2,5"]
    code, out, _ = run(*words, "--draws", "2", "--keep", "kept", "--json")
    first = json.loads(out)
    assert code == 0
    assert [one["size"] for one in first["sizes"]] == [3, 6]
    assert [one["shots"] for one in first["shots"]] == [1, 2]
    assert all(
        0 <= one["rank1"]["low"] <= one["rank1"]["value"] <= one["rank1"]["high"] for one in first["sizes"]
    )
    second = json.loads(run(*words, "--draws", "2", "--keep", "kept", "--json")[1])
    assert second["models"][0]["ms_per_face"] is None
    assert second["sizes"] == first["sizes"]
    assert "DIR@FPIR 1 %" in run(*words, "--draws", "2")[1]


def test_a_folder_of_people_is_read_as_a_competitions_folder_is(
    run: Run, pictures: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    for place in ("Ann/1.JFIF", "Ann/2019/2.mpo", "Bob/1.jpg", "@eaDir/1.jpg", "Bob/@eaDir/2.jpg"):
        (people / place).parent.mkdir(parents=True, exist_ok=True)
        picture = pictures / ("a.jpg" if "Ann" in place else "b.jpg")
        shutil.copyfile(picture, people / place)
    with Image.open(pictures / "a.jpg") as picture:
        picture.crop((2, 2, *picture.size)).save(people / "Ann/2019/2.mpo", "JPEG")
    code, out, err = run("enroll", people)
    assert (code, "2 people enrolled with 3 images; 0 left out" in out) == (0, True)
    assert "warning: 2 junk entries are skipped, first: @eaDir" in err
    (people / "Bob/3.heic").write_bytes(b"what no decoder here knows")
    code, out, err = run("enroll", people, "--replace")
    assert (code, "; 1 left out" in out) == (3, True)
    assert "first: Bob/3.heic" in err


def test_a_pipe_in_place_of_a_picture_is_not_waited_for(
    enrolled: Run, pictures: Path, tmp_path: Path
) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for words in (("identify", pipe), ("enroll", "Cid", pipe), ("verify", "Ann", pipe)):
        code, _, err = enrolled(*words)
        assert code == 2 and f"{pipe} cannot be read (it is not a file)" in err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such rights")
def test_what_shows_people_is_for_its_owner_alone(run: Run, pictures: Path) -> None:
    old = os.umask(0o022)
    try:
        assert run("enroll", "Ann", pictures / "a.jpg", "--save-faces", "faces")[0] == 0
        assert run("people", "export", "export.zip")[0] == 0
        assert run("people", "show", "Ann", "--save-faces", "shown")[0] == 0
        assert run("identify", pictures / "a.jpg", "--threshold", "0.99")[0] == 0
    finally:
        os.umask(old)
    made = [Path("gallery.sqlite"), Path("export.zip"), *Path("faces").iterdir(), *Path("shown").iterdir()]
    assert len(made) == 4
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert {Path(name).stat().st_mode & 0o777 for name in ("faces", "shown", "gallery.sqlite.cache")} == {
        0o700
    }
    for name in ("gallery.sqlite", "export.zip"):
        Path(name).chmod(0o644)
    _, _, told = run("people", "import", "export.zip", "--add")
    for name in ("gallery.sqlite", "export.zip"):
        assert f"other users of this machine could read {name}; now its owner alone can" in told
        assert Path(name).stat().st_mode & 0o777 == 0o600
