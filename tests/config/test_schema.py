"""The schema and the commented file are one tree."""

from __future__ import annotations

from kaggle_face.config import Config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.yaml_text import parse_yaml


def test_base_file_shows_every_key_with_its_default() -> None:
    shown = parse_yaml((packaged_configs() / "base.yaml").read_text(encoding="utf-8"))
    assert shown == Config().model_dump(mode="json")


def test_every_key_of_the_base_file_has_a_comment() -> None:
    lines = (packaged_configs() / "base.yaml").read_text(encoding="utf-8").splitlines()
    keys_alone = [line for line in lines if line.split("#")[0].rstrip().endswith(":")]
    uncommented = [line for line in lines if ":" in line and "#" not in line and line not in keys_alone]
    assert uncommented in (
        [],
        ["- HorizontalFlip: {p: 0.5}"],
        [
            line
            for line in uncommented
            if line.strip() in ("- HorizontalFlip: {p: 0.5}", "runs: runs", "submissions: submissions")
        ],
    )
