"""Config lint: warnings about settings before time is spent on them."""

from __future__ import annotations

from kaggle_face.config import Config

_ANGULAR_HEADS = ("arcface", "curricularface", "subcenter_arcface", "combined_margin")
_WIDE_MARGIN_RADIANS = 0.3


def lint_config(config: Config) -> list[str]:
    """One line for each setting that measurements speak against."""
    return [*_mixed_margin(config), *_sudden_margin(config), *_too_few_pairs(config)]


def _mixed_margin(config: Config) -> list[str]:
    augment, head = config.augment, config.model.head
    mixing = [name for name in ("cutmix", "mixup") if getattr(augment, name).probability > 0.0]
    if head == "linear" or not mixing:
        return []
    settings = " or ".join(f"augment.{name}.probability=0" for name in mixing)
    remedy = "" if augment.margin_on_mixed == "unmixed_only" else " or augment.margin_on_mixed=unmixed_only"
    return [
        f"model.head={head} with {' and '.join(mixing)}: mixing cost margin heads accuracy where it was "
        f"measured (CFP-FP .9757 -> .9736 by users of ArcFace); compare with {settings}{remedy}"
    ]


def _sudden_margin(config: Config) -> list[str]:
    """A wide angular margin from the first step on, in a network that has learnt nothing yet."""
    model, margin = config.model, config.margin
    starts_fresh = not model.pretrained and model.weights is None and model.init_from is None
    wide = model.head in _ANGULAR_HEADS and margin.margin > _WIDE_MARGIN_RADIANS
    if not (starts_fresh and wide) or margin.warmup_epochs > 0.0:
        return []
    return [
        f"model.head={model.head} with margin.margin={margin.margin:g} from the first step: small networks "
        "did not start so where it was measured (pins105 and celeba300, three epochs: EER .436 where the "
        "margin grew over a fifth of them, .181 over all); set "
        f"margin.warmup_epochs={0.8 * config.train.epochs:g}, or model.head=cosface margin.margin=0.35"
    ]


def _too_few_pairs(config: Config) -> list[str]:
    """Metric losses on shuffled batches: with many people a batch hardly has two images of one."""
    if config.loss.metric in ("none", "center") or config.sampler.name == "identities":
        return []
    return [
        f"loss.metric={config.loss.metric} compares images of one person within a batch; "
        f"sampler.name={config.sampler.name} does not ensure that there are any; "
        "set sampler.name=identities"
    ]
