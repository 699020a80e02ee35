from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from kaggle_face import init_project
from kaggle_face.cli.main import main
from kaggle_face.competitions.catalogue.known import known_slugs
from kaggle_face.config import load_config


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pair_text since spring 2025 in a fresh working directory."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data"
    for split, count in (("train", 4), ("dev", 2), ("test", 2)):
        for place in range(count):
            write_picture(root / f"cls_data/{split}/images/{place}.jpg", 10 * place + len(split))
        if split != "test":
            lines = "".join(f"{place}.jpg {place % 2}\n" for place in range(count))
            (root / f"cls_data/{split}/labels.txt").write_text(lines)
    for place in range(3):
        write_picture(root / f"ver_data/{place}.jpg", 100 + place)
    (root / "val_pairs.txt").write_text("0.jpg 1.jpg 1\n1.jpg 2.jpg 0\n")
    (root / "test_pairs.txt").write_text("0.jpg 2.jpg\n")
    return root


def write_picture(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (grey, grey, grey)).save(path)


def test_all_competitions_are_listed(capsys):
    assert main(["competitions"]) == 0
    listed = capsys.readouterr().out
    assert all(slug in listed for slug in known_slugs())


@pytest.mark.parametrize("slug", known_slugs())
def test_every_competition_can_be_shown(slug, capsys):
    assert main(["competitions", "show", slug]) == 0
    shown = capsys.readouterr().out
    assert "files:" in shown
    assert "CSV:" in shown


@pytest.mark.parametrize("name", ["pair_text", "E"])
def test_a_layout_is_shown_with_an_example_of_each_variant(name, capsys):
    assert main(["competitions", "show", name]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("layout pair_text (cls_data/, ver_data/, val_pairs.txt, test_pairs.txt)\n")
    assert "\nexample files of s25:\n  cls_data/train/images/{000000," in shown
    assert "\nexample files of f24:\n  cls_data/train/n00000{2,9}/" in shown
    assert "\nverification CSV of f24:\n  ID,Label\n  0,0.573100\n" in shown


def test_the_shown_csv_is_that_of_the_edition(capsys):
    main(["competitions", "show", "11785-s19-hw2p2-classification"])
    assert "  id,label\n  0,857\n  1,42\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show"], "needs a name"),
        (["sow", "x"], "'competitions sow x' is not a command"),
        (["show", "11-785-s22-hw2p2-verificatio"], "did you mean '11-785-s22-hw2p2-verification'"),
    ],
)
def test_wrong_words_are_one_line(words, message, capsys):
    assert main(["competitions", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_init_writes_settings_that_load(data, capsys):
    slug = "11785-hw-2-p-2-face-verification-fall-2025"
    assert main(["init", slug, "--data", str(data)]) == 0
    assert "layout pair_text, variant f25: found cls_data/train/" in capsys.readouterr().out
    config = load_config(slug).config
    assert config.competition.slug == slug
    assert config.data.root == str(data)
    assert config.data.image_size == 16
    assert config.train.verification_metric == "eer"


def test_init_obeys_the_rules_of_the_competition(data):
    slug = "hw-2-p-2-fall-2026-student-competition"
    main(["init", slug, "--data", str(data)])
    config = load_config(slug).config
    assert config.model.backbone == "iresnet18"
    assert "# rule: 10 submissions a day" in Path(f"configs/{slug}.yaml").read_text()


def test_init_learns_a_combined_file_from_its_sample(data):
    rows = ["id,answer", "cls_0,0", "cls_1,0", "ver_0,0.0"]
    (data / "sample_submission.csv").write_text("\n".join(rows))
    main(["init", "hw-2-p-2-fall-2026-student-competition", "--data", str(data)])
    combined = load_config("hw-2-p-2-fall-2026-student-competition").config.submit.combined
    assert combined.columns == ("id", "answer")
    assert [(part.task, part.cells) for part in combined.parts] == [
        ("classification", ("cls_{stem}", "{label}")),
        ("verification", ("ver_{id}", "{score}")),
    ]


def test_init_does_not_replace_settings_unless_forced(data, capsys):
    Path("configs").mkdir()
    Path("configs/mine.yaml").write_text("mine")
    assert main(["init", "mine", "--data", str(data)]) == 2
    assert "configs/mine.yaml exists already; --force replaces it" in capsys.readouterr().err
    assert Path("configs/mine.yaml").read_text() == "mine"
    assert main(["init", "mine", "--data", str(data), "--force"]) == 0
    assert load_config("mine").config.competition.variant == "s25"


def test_init_takes_a_slug_that_is_not_known_with_a_word(data, capsys):
    assert main(["init", "11785-hw-2-p-2-face-verification-fall-2052", "--data", str(data)]) == 0
    assert "is not in the catalogue, so its rules are not known; did you mean" in capsys.readouterr().err


@pytest.mark.parametrize("slug", ["../evil", "a/b", ".hidden", ""])
def test_init_writes_nowhere_else(data, slug, capsys):
    assert main(["init", slug, "--data", str(data)]) == 2
    assert "a competition's name has no folders in it" in capsys.readouterr().err


def test_init_of_a_folder_of_no_layout(data, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["init", "mine", "--data", str(tmp_path / "empty")]) == 2
    assert "empty holds nothing of any known layout; check data.root" in capsys.readouterr().err
    assert not Path("configs/mine.yaml").exists()


LONG = "11785-hw-2-p-2-face-verification-spring-2026"


def test_a_long_slug_gets_a_short_name_that_every_hint_takes(data, capsys):
    address = f"https://www.kaggle.com/competitions/{LONG}"
    assert main(["init", address, "--data", "data", "--name", "s26"]) == 0
    out = capsys.readouterr().out
    assert "wrote configs/s26.yaml" in out and "for a shorter name" not in out
    assert "next: kaggle-face check -c s26; kaggle-face train -c s26" in out.splitlines()
    loaded = load_config("s26")
    assert (loaded.name, loaded.config.competition.slug) == ("s26", LONG)
    assert main(["status", "-c", "s26"]) == 0
    assert "-c s26" in capsys.readouterr().out
    assert main(["init", LONG, "--data", "data"]) == 0
    offered = capsys.readouterr().out.splitlines()[-1]
    assert offered.startswith("for a shorter name in commands and folders, such as faces: ")
    assert offered.endswith(f": kaggle-face init {LONG} --data data --name faces")


@pytest.mark.parametrize("name", ["a/b", "..", "", "demo", "base", "s26.yaml", "nul", "a b", "k=v", "x" * 90])
def test_a_name_that_settings_cannot_have_is_one_line(data, capsys, name):
    assert main(["init", LONG, "--data", "data", "--name", name]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and f"'{name}'" in lines[0]
    assert not Path("configs").exists()


def test_a_project_is_begun_under_a_short_name(data):
    project = init_project(LONG, data, name="s26")
    assert (project.name, project.config.competition.slug) == ("s26", LONG)
