"""The numbers that the advice goes by, worked out of the facts of a report. Letters: N images, C classes."""

from __future__ import annotations

import numpy as np

from kaggle_face.metrics.classification import calibration_error
from kaggle_face.metrics.table import higher_is_better
from kaggle_face.records import FloatArray
from kaggle_face.report.evidence import Curve, Evidence, Shift
from kaggle_face.report.facts import ClassFacts, CutOff, FoldFacts, PairFacts, ReportFacts

_WEAKEST = 0.05
_FEWEST_ERROR = 1e-9


def evidence_of(facts: ReportFacts) -> Evidence:
    """The evidence for advice on the first run of a report."""
    run, score = facts.run, facts.score
    values: dict[str, object] = {
        "run": run.folder,
        "curves": tuple(map(_curve, run.folds)),
        "agreement": facts.agreement,
        "num_uploads": sum(upload.is_comparable for upload in facts.uploads),
        "finished_folds": run.num_finished,
        "planned_folds": run.num_folds,
        "next_cutoff": next_cutoff(facts),
        "has_blend": facts.blend is not None or (len(facts.runs) == 1 and run.is_imported),
        "num_runs": len(facts.runs),
    }
    if score is not None and score.low is not None and score.high is not None:
        values["half_width"] = (score.high - score.low) / 2
    if facts.classes is not None:
        values |= _of_classes(facts.classes)
    elif facts.pairs is not None:
        values |= _folds_of_pairs(facts.pairs)
    if facts.pairs is not None:
        chosen = next((each for each in facts.pairs.thresholds if each.rule == facts.pairs.chosen), None)
        if chosen is not None:
            values |= {"threshold_rule": chosen.rule, "refused_genuine": chosen.fnr}
    train, test = facts.train_pictures, facts.test_pictures
    if train is not None and test is not None and len(train) and len(test):
        values |= {
            "brightness": _shift(train.brightness, test.brightness),
            "sharpness": _shift(train.sharpness, test.sharpness),
            "num_copies": len(facts.copies),
            "num_test_pictures": len(test),
        }
    return Evidence(**values)  # type: ignore[arg-type]


def next_cutoff(facts: ReportFacts) -> tuple[str, float, float] | None:
    """Name and score of the nearest cut-off that is not reached yet, and the gap to it."""
    missing = []
    for cutoff in facts.question.cutoffs:
        gap = missing_to(facts, cutoff)
        if gap is not None and gap > 0:
            missing.append((cutoff.name, cutoff.score, gap))
    return min(missing, key=lambda each: each[2], default=None)


def missing_to(facts: ReportFacts, cutoff: CutOff) -> float | None:
    """The gap from the out-of-fold score to a cut-off, negative where it is beyond; None: not comparable."""
    score = facts.score if cutoff.task is None else facts.task_scores.get(cutoff.task)
    if score is None:
        return None
    return cutoff.score - score.value if score.higher_is_better else score.value - cutoff.score


def weakest_identities(classes: ClassFacts) -> tuple[tuple[str, ...], float, int]:
    """The worst twentieth of the identities by mistakes, their share of all mistakes, and all mistakes."""
    figures = classes.answers
    wrong = figures.predicted != figures.labels
    count = int(wrong.sum())
    if not count:
        return (), 0.0, 0
    mistakes = np.bincount(figures.labels[wrong], minlength=len(classes.class_names))
    present = len(np.unique(figures.labels))
    worst = np.argsort(-mistakes, kind="stable")[: max(1, round(_WEAKEST * present))]
    return tuple(map(str, classes.class_names[worst])), float(mistakes[worst].sum() / count), count


def _of_classes(classes: ClassFacts) -> dict[str, object]:
    figures = classes.answers
    right = figures.predicted == figures.labels
    sizes = classes.train_images[figures.labels]
    middle = float(np.median(classes.train_images[classes.train_images > 0])) if len(sizes) else 0.0
    rare = sizes < middle
    names, share, count = weakest_identities(classes)
    values: dict[str, object] = {
        "num_images": len(right),
        "accuracy": float(right.mean()) if len(right) else None,
        "num_doubtful": 0 if classes.doubtful is None else len(classes.doubtful.image_ids),
        "metric": "accuracy",
        "fold_values": {int(k): float(right[figures.folds == k].mean()) for k in np.unique(figures.folds)},
        "fold_errors": {int(k): _error(right[figures.folds == k]) for k in np.unique(figures.folds)},
        "class_sizes": tuple(classes.train_images.tolist()),
        "weakest": names,
        "weakest_share": share,
        "num_mistakes": count,
        "calibration_error": calibration_error(figures.confidences, right) if len(right) else None,
    }
    if rare.any() and not rare.all():
        values |= {
            "accuracy_rare": float(right[rare].mean()),
            "accuracy_frequent": float(right[~rare].mean()),
        }
    return values


def _folds_of_pairs(pairs: PairFacts) -> dict[str, object]:
    """The EER of each fold, with the error of that share on its smaller kind of pairs."""
    eer = next((each for each in pairs.estimates[pairs.subject] if each.metric == "eer"), None)
    if eer is None or len(eer.folds) != len(pairs.trials.folds):
        return {}
    values, errors = {}, {}
    for fold, value in zip(pairs.trials.folds, eer.folds, strict=True):
        labels = pairs.trials.labels[fold.positions]
        fewer = min(int(labels.sum()), len(labels) - int(labels.sum()))
        values[fold.fold] = value
        errors[fold.fold] = max(float(np.sqrt(value * (1 - value) / max(fewer, 1))), _FEWEST_ERROR)
    return {"metric": "eer", "fold_values": values, "fold_errors": errors}


def _error(right: FloatArray) -> float:
    """The standard error of a share of images."""
    share = float(right.mean())
    return max(float(np.sqrt(share * (1 - share) / len(right))), _FEWEST_ERROR)


def _curve(fold: FoldFacts) -> Curve:
    history = fold.history
    chosen = next((name for name in ("score", "accuracy", "auc") if name in history), "eer")
    name = chosen if _finite(history.get(chosen)) else "eer"
    sign = 1 if higher_is_better(name) else -1
    scores = tuple(sign * value for value in _finite(history.get(name)))
    return Curve(
        fold.fold,
        scores,
        _finite(history.get("log_loss")),
        _last(history.get("train_accuracy")),
        _last(history.get("accuracy")),
    )


def _finite(values: FloatArray | None) -> tuple[float, ...]:
    return () if values is None else tuple(values[np.isfinite(values)].tolist())


def _last(values: FloatArray | None) -> float | None:
    found = _finite(values)
    return found[-1] if found else None


def _shift(train: FloatArray, test: FloatArray) -> Shift:
    assert len(train) and len(test)
    return Shift(float(train.mean()), float(train.std()), float(test.mean()))
