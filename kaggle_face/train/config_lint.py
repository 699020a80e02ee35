"""Config lint: warnings about settings before time is spent on them."""

from __future__ import annotations

from kaggle_face.config import Config

_ANGULAR_HEADS = ("arcface", "curricularface", "subcenter_arcface", "combined_margin")
_WIDE_MARGIN_RADIANS = 0.3


def lint_config(config: Config) -> list[str]:
    """One line for each setting that measurements speak against."""
    augment, model, margin, lines = config.augment, config.model, config.margin, []
    mixing = [name for name in ("cutmix", "mixup") if getattr(augment, name).probability > 0.0]
    if model.head != "linear" and mixing:
        settings = " or ".join(f"augment.{name}.probability=0" for name in mixing)
        unmixed = augment.margin_on_mixed == "unmixed_only"
        remedy = "" if unmixed else " or augment.margin_on_mixed=unmixed_only"
        lines.append(
            f"model.head={model.head} with {' and '.join(mixing)}: mixing cost margin heads accuracy where "
            f"it was measured (CFP-FP .9757 -> .9736 by users of ArcFace); compare with {settings}{remedy}"
        )
    starts_fresh = not model.pretrained and model.weights is None and model.init_from is None
    wide = model.head in _ANGULAR_HEADS and margin.margin > _WIDE_MARGIN_RADIANS
    if starts_fresh and wide and margin.warmup_epochs <= 0.0:
        lines.append(
            f"model.head={model.head} with margin.margin={margin.margin:g} from the first step: small "
            "networks did not start so where it was measured (pins105 and celeba300, three epochs: EER .436 "
            "where the margin grew over a fifth of them, .181 over all); set "
            f"margin.warmup_epochs={0.8 * config.train.epochs:g}, or model.head=cosface margin.margin=0.35"
        )
    # With many people a shuffled batch hardly has two images of one.
    if config.loss.metric not in ("none", "center") and config.sampler.name != "identities":
        lines.append(
            f"loss.metric={config.loss.metric} compares images of one person within a batch; "
            f"sampler.name={config.sampler.name} does not ensure that there are any; "
            "set sampler.name=identities"
        )
    return lines
