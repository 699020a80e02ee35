from __future__ import annotations

import pytest

from kaggle_face.competitions.catalogue.descriptions import describe_rules
from kaggle_face.competitions.catalogue.known import Rules, competition_spec
from kaggle_face.competitions.catalogue.rules import broken_rules, rule_on_test_neighbours
from kaggle_face.config.schema import Config

FALL_2026 = competition_spec("hw-2-p-2-fall-2026-student-competition").rules


def config(**parts: object) -> Config:
    lawful = {"model": {"backbone": "iresnet50"}, "loss": {"label_smoothing": 0.0}}
    return Config.model_validate({**lawful, **parts})


def test_lawful_settings_break_no_rule():
    assert broken_rules(FALL_2026, config(), 30_000_000, 30_000_000, submissions_today=9) == []


def test_without_rules_everything_is_allowed():
    anything = config(model={"backbone": "vit_base_patch16_224", "pretrained": True})
    assert broken_rules(Rules(), anything, 10**9, 10**10, submissions_today=99) == []


def test_answers_by_neighbouring_test_images_have_a_rule_beside_pseudo_labels():
    assert FALL_2026.forbids_outside_data and FALL_2026.forbids_test_neighbours
    assert (rule_on_test_neighbours(FALL_2026) or "").startswith("no answer may depend on other test images")
    assert any("neighbouring test images: query expansion" in line for line in describe_rules(FALL_2026))
    assert rule_on_test_neighbours(Rules()) is None and describe_rules(Rules()) == []


@pytest.mark.parametrize(
    ("backbone", "kind"),
    [
        ("vit_tiny_patch16_224", "self-attention"),
        ("swin_tiny_patch4_window7_224", "self-attention"),
        ("maxvit_tiny_rw_224", "self-attention"),
        ("seresnet50", "channel attention"),
        ("efficientnet_b0", "channel attention"),
        ("mobilenetv3_small_100", "channel attention"),
        ("regnety_008", "channel attention"),
        ("ecaresnet26t", "channel attention"),
        ("skresnet18", "channel attention"),
    ],
)
def test_attention_is_recognised_by_name(backbone, kind):
    lines = broken_rules(Rules(forbids_attention=True), config(model={"backbone": backbone}))
    assert lines == [
        f"no attention is allowed: model.backbone={backbone} has {kind}; "
        f"choose a plain convolutional network such as iresnet50"
    ]


@pytest.mark.parametrize(
    "backbone",
    [
        "resnet18",
        "convnext_tiny",
        "mobilenetv2_100",
        "regnetx_008",
        "tf_efficientnet_lite0",
        "resnext50_32x4d",
    ],
)
def test_plain_convolution_has_no_attention(backbone):
    assert broken_rules(Rules(forbids_attention=True), config(model={"backbone": backbone})) == []


def test_attention_in_the_options_is_seen():
    options = {"block_args": {"attn_layer": "se"}}
    model = {"backbone": "resnet18", "backbone_options": options}
    assert (
        "model.backbone_options sets attn_layer"
        in broken_rules(Rules(forbids_attention=True), config(model=model))[0]
    )


def test_a_network_of_timm_is_imported():
    lines = broken_rules(FALL_2026, config(model={"backbone": "resnet18"}))
    assert len(lines) == 1
    assert "model.backbone=resnet18 comes from timm" in lines[0]


def test_pretrained_weights_are_refused():
    lines = broken_rules(FALL_2026, config(model={"backbone": "iresnet50", "pretrained": True}))
    assert lines == ["no pretrained weights are allowed: set model.pretrained=false"]


def test_weights_of_another_place_are_refused_and_those_of_an_own_run_are_not(tmp_path):
    runs = {"paths": {"runs": str(tmp_path / "runs")}}
    own = str(tmp_path / "runs/a/main/fold0/checkpoints/last.safetensors")
    assert broken_rules(FALL_2026, config(model={"backbone": "iresnet50", "weights": own}, **runs)) == []
    foreign = config(model={"backbone": "iresnet50", "weights": str(tmp_path / "ms1m.pth")}, **runs)
    assert "where own runs lie; set model.weights=null" in broken_rules(FALL_2026, foreign)[0]


def test_arcface_allows_no_smoothing_and_no_mixing():
    mixed = config(
        model={"backbone": "iresnet50", "head": "arcface"},
        loss={"label_smoothing": 0.1},
        augment={"cutmix": {"probability": 0.5}, "mixup": {"probability": 0.25}},
    )
    lines = broken_rules(FALL_2026, mixed)
    assert [line.rpartition("; ")[2] for line in lines] == [
        "set loss.label_smoothing=0",
        "set augment.cutmix.probability=0",
        "set augment.mixup.probability=0",
    ]


def test_a_linear_head_allows_smoothing_and_mixing():
    mixed = config(loss={"label_smoothing": 0.1}, augment={"cutmix": {"probability": 0.5}})
    assert broken_rules(FALL_2026, mixed) == []


def test_the_limit_of_fall_2026_covers_the_ensemble():
    lines = broken_rules(FALL_2026, config(), 10_000_000, 30_000_001)
    assert lines == [
        "at most 30,000,000 parameters are allowed over all models of an ensemble: these have 30,000,001; "
        "blend fewer or smaller models"
    ]


def test_a_limit_of_one_model_does_not_count_the_ensemble():
    rules = competition_spec("11785-hw2p2-face-recognition").rules
    assert broken_rules(rules, config(), 18_000_000, 90_000_000) == []
    assert "the model has 18,000,001" in broken_rules(rules, config(), 18_000_001, None)[0]


def test_the_daily_limit_counts_the_submissions_before():
    assert broken_rules(FALL_2026, config(), submissions_today=9) == []
    assert "10 were made today" in broken_rules(FALL_2026, config(), submissions_today=10)[0]


def test_pseudo_labels_are_refused_where_outside_data_is():
    lines = broken_rules(
        FALL_2026, config(data={"pseudo_labels": "labels.csv"}, model={"backbone": "iresnet18"})
    )
    assert lines == [
        "no data beyond the training set is allowed, and pseudo-labels are: set data.pseudo_labels=null"
    ]
