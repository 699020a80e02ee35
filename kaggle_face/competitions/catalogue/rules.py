"""The rules check: settings that would break a competition's rules, before time is spent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kaggle_face.competitions.catalogue.known import Rules
from kaggle_face.config.schema import Config
from kaggle_face.config.training import ModelConfig
from kaggle_face.errors import agreeing, counted

# Networks whose every layer is a file of this package; all other names are of timm or torchvision.
_OWN_ARCHITECTURES = re.compile(r"^(iresnet\d+|mobilefacenet)$")
# Beginnings of timm's names, compared with the layers of all its 766 families in timm 1.0.31.
_SELF_ATTENTION = re.compile(
    r"^(test_)?(aimv2|bat_|beit|botnet|caformer|cait|coat|convit|cpubone|crossvit|csatv2|davit|deepseek_vit|deit"
    r"|eca_botnext|eca_halonext|edgenext|efficientformer|efficientvit|eva|fastvit|flexivit|gcvit|gemma|halo|hiera"
    r"|lambda|lamhalo|levit|lowformer|maxvit|maxxvit|mobilenetv4_hybrid|mobilenetv5|mobilevit|mvit|naflexvit|nest"
    r"|nextvit|pit_|pvt|qwen|rmlp|sam2|samvit|sebotnet|sehalonet|shvit|swiftformer|swin|tiny_vit|tnt|twins"
    r"|visformer|vit|volo|xcit)|^resnet.*_clip"
)
_CHANNEL_ATTENTION = re.compile(
    r"^(test_)?(byobnet|cbam|cs3se|cspnext|dm_nfnet|eca|efficientnet|efficientvim|ese_|fbnetv3|gc_?eff|gc_?res"
    r"|ghostnet|hardcorenas|lcnet|legacy_se|mixnet|mnasnet_small|mobilenetv3|nf_eca|nf_regnet|nf_se|nfnet|rdnet"
    r"|regnet[vyz]|repghost|repvgg_d2se|repvit|resnest|resnetrs|rexnet|se_?(dark|res)|semnasnet|senet|skres"
    r"|tf_effic|tf_mixnet|tf_mobilenetv3|tinynet|tresnet)"
)
_WITHOUT_ATTENTION = re.compile(r"^(tf_)?(efficientnet_(lite|es|em|el)|mobilenetv3_\w+_minimal)")


def broken_rules(
    rules: Rules,
    config: Config,
    num_parameters: int | None = None,
    num_parameters_of_ensemble: int | None = None,
    submissions_today: int | None = None,
) -> list[str]:
    """One line for each rule that the settings break: the rule, the value, what to change.

    `num_parameters` counts one model and `num_parameters_of_ensemble` all that a submission is made of; None
    where that is not known yet. `submissions_today` counts those made before this one.
    """
    return [
        *_architecture(rules, config.model),
        *_weights_and_data(rules, config),
        *_mixing(rules, config),
        *_limits(rules, num_parameters, num_parameters_of_ensemble, submissions_today),
    ]


def _architecture(rules: Rules, model: ModelConfig) -> list[str]:
    lines = []
    attention = _attention_of(model)
    if rules.forbids_attention and attention is not None:
        lines.append(
            f"no attention is allowed: {attention}; choose a plain convolutional network such as iresnet50"
        )
    if rules.forbids_imported_architectures and not _OWN_ARCHITECTURES.match(model.backbone):
        lines.append(
            f"no imported architecture is allowed: model.backbone={model.backbone} comes from timm or "
            f"torchvision; choose iresnet18, iresnet34, iresnet50 or mobilefacenet"
        )
    return lines


def _attention_of(model: ModelConfig) -> str | None:
    """The attention of a network, in words; None without any, as far as its name and its options show."""
    name = model.backbone.removeprefix("timm/")
    if _SELF_ATTENTION.match(name):
        return f"model.backbone={name} has self-attention"
    if _CHANNEL_ATTENTION.match(name) and not _WITHOUT_ATTENTION.match(name):
        return f"model.backbone={name} has channel attention"
    key = next((key for key in _nested_keys(model.backbone_options) if "attn" in key or "se_" in key), None)
    return None if key is None else f"model.backbone_options sets {key}"


def _nested_keys(options: Mapping[str, Any]) -> list[str]:
    inner = [key for value in options.values() if isinstance(value, Mapping) for key in _nested_keys(value)]
    return [*options, *inner]


def _weights_and_data(rules: Rules, config: Config) -> list[str]:
    lines = []
    if rules.forbids_pretrained or rules.forbids_outside_data:
        what = "pretrained weights are" if rules.forbids_pretrained else "outside data is"
        weights, runs = config.model.weights, config.paths.runs
        if config.model.pretrained:
            lines.append(f"no {what} allowed: set model.pretrained=false")
        if weights is not None and not Path(weights).resolve().is_relative_to(Path(runs).resolve()):
            lines.append(
                f"no {what} allowed: model.weights={weights} is not below {runs}/, where own runs lie; "
                f"set model.weights=null"
            )
    if rules.forbids_outside_data and config.data.pseudo_labels is not None:
        lines.append(
            "no data beyond the training set is allowed, and pseudo-labels are: set data.pseudo_labels=null"
        )
    return lines


def rule_on_test_neighbours(rules: Rules) -> str | None:
    """The rule against steps that use neighbouring test images; None where they are allowed."""
    if not rules.forbids_test_neighbours:
        return None
    return "no answer may depend on other test images: no expansion, augmentation, neighbourhood or reranking"


def _mixing(rules: Rules, config: Config) -> list[str]:
    head = config.model.head
    if not rules.forbids_mixing_with_arcface or head == "linear":
        return []
    values = {
        "loss.label_smoothing": config.loss.label_smoothing,
        "augment.cutmix.probability": config.augment.cutmix.probability,
        "augment.mixup.probability": config.augment.mixup.probability,
    }
    return [
        f"no label smoothing, CutMix or Mixup is allowed with ArcFace: model.head={head} and "
        f"{key}={value:g}; set {key}=0"
        for key, value in values.items()
        if value > 0
    ]


def _limits(rules: Rules, of_one: int | None, of_all: int | None, today: int | None) -> list[str]:
    lines = []
    limit = rules.max_parameters
    if limit is not None and rules.limit_covers_ensemble and of_all is not None:
        if of_all > limit:
            lines.append(
                f"at most {counted(limit, 'parameter', 'are allowed')} over all models of an ensemble: "
                f"these have {of_all:,}; blend fewer or smaller models"
            )
    elif limit is not None and of_one is not None and of_one > limit:
        lines.append(
            f"at most {counted(limit, 'parameter', 'are allowed')}: the model has {of_one:,}; "
            f"choose a smaller model.backbone or model.embedding_size"
        )
    a_day = rules.submissions_a_day
    if a_day is not None and today is not None and today >= a_day:
        lines.append(
            f"at most {counted(a_day, 'submission')} a day can be made: "
            f"{today} {agreeing(today, 'were made today')}; "
            f"wait for the next day (UTC)"
        )
    return lines
