from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from kaggle_face.cli.main import main


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pair_text of fall 2024 and its settings in a fresh working directory."""
    monkeypatch.chdir(tmp_path)
    names = [
        f"cls_data/{split}/n{person}/{image}.jpg"
        for split in ("train", "dev")
        for person in (1, 2)
        for image in (1, 2)
    ]
    names += [f"ver_data/{image}.jpg" for image in (1, 2)]
    for grey, name in enumerate(names):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (9 * grey, 0, 0)).save(path)
    (tmp_path / "data/val_pairs.txt").write_text("1.jpg 1.jpg 1\n1.jpg 2.jpg 0\n")
    (tmp_path / "data/test_pairs.txt").write_text("2.jpg 1.jpg\n")
    (tmp_path / "mine.yaml").write_text(
        "extends: base\ncompetition: {slug: mine}\ndata: {root: data, image_size: 16, workers: 2}\n"
    )
    return tmp_path / "data"


def test_healthy_data_pass(data, capsys):
    assert main(["check", "-c", "mine.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "ok:      all 10 images can be read" in printed
    assert printed.splitlines()[2].split() == ["train", "4", "4", "2"]
    assert "problem:" not in printed
    assert "note:    a fold trains about " in printed and ", all 5 folds " in printed


def test_settings_that_make_no_network_fail_the_check(data, capsys):
    assert main(["check", "-c", "mine.yaml", "--no-images", "model.backbone=resnet81"]) == 2
    assert "problem: " in (out := capsys.readouterr().out) and "resnet81" in out


def test_a_broken_image_fails_the_check(data, capsys):
    (data / "ver_data/2.jpg").write_bytes(b"nothing")
    assert main(["check", "-c", "mine.yaml"]) == 2
    streams = capsys.readouterr()
    assert "problem: 1 of 10 images cannot be read, first: ver_data/2.jpg" in streams.out
    assert "note:    how long a fold takes is not tried; the problems come first" in streams.out
    assert streams.err.rstrip().splitlines()[-1].startswith("error: 1 problem in data, first: 1 of 10 images")


@pytest.mark.slow
@pytest.mark.ci
def test_images_need_not_be_decoded(data):
    (data / "ver_data/2.jpg").write_bytes(b"nothing")
    assert main(["check", "-c", "mine.yaml", "--no-images"]) == 0


@pytest.mark.slow
@pytest.mark.ci
def test_a_leak_between_splits_is_noted(data, capsys):
    (data / "cls_data/dev/n1/1.jpg").write_bytes((data / "cls_data/train/n1/1.jpg").read_bytes())
    assert main(["check", "-c", "mine.yaml"]) == 0
    assert "note:    1 picture is in train and in dev byte for byte" in capsys.readouterr().out


def test_broken_rules_fail_the_check(data, capsys):
    slug = "competition.slug=hw-2-p-2-fall-2026-student-competition"
    words = [
        "check",
        "-c",
        "mine.yaml",
        slug,
        "model.backbone=mobilefacenet",
        "model.pretrained=true",
        "--no-images",
    ]
    assert main(words) == 2
    assert "problem: no pretrained weights are allowed" in capsys.readouterr().out


def test_a_page_with_pictures_is_written_also_where_there_is_a_problem(data, capsys):
    pytest.importorskip("plotly", reason="plotly is not installed")
    (data / "ver_data/2.jpg").write_bytes(b"nothing")
    assert main(["check", "-c", "mine.yaml", "--pictures"]) == 2
    assert "runs/mine/data.html: " in capsys.readouterr().out.replace("\\", "/")
    page = (data.parent / "runs/mine/data.html").read_text(encoding="utf-8")
    assert "ver_data/2.jpg" in page and page.count("<img src=") > 8


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--pictures", "--no-images"], "a page of pictures needs the images decoded; leave out --no-images"),
        (["--pictures", "--to", "."], ". is a folder; name a file, such as data.html"),
        (["--to", "x.html"], "--to names the file of --pictures; add --pictures"),
        (["--pictures", "--labels"], "--labels and --pictures are two checks"),
    ],
)
def test_words_that_do_not_fit_together_are_refused(data, capsys, words, line):
    assert main(["check", "-c", "mine.yaml", *words]) == 2
    assert f"error: {line}" in capsys.readouterr().err
