"""Advice on what to do next: rules over the evidence of a run, each with a threshold and its reason.

The rules stand in the order of what a fault spoils: first what makes every figure doubtful, then the data,
then the training, then what is done with the networks. The first three that hold are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kaggle_face.errors import counted, part_of
from kaggle_face.hints import settings_command
from kaggle_face.metrics.table import title_of
from kaggle_face.report.evidence import Evidence

NUM_STEPS = 3

LOW_AGREEMENT = 0.5
"""Rank correlation of out-of-fold and public scores: below one half, a better out-of-fold score is hardly
more likely than not to be a better public one. The ledger's proposal warns from the same value on."""
FEWEST_UPLOADS = 4
"""With three uploads a rank correlation is -1, -0.5, 0.5 or 1: one exchange decides."""
OUTLYING_ERRORS = 3.0
"""Standard errors of a fold's own sample by which it differs from the other folds' mean: of ten honest folds
one does so in about 40 runs."""
FEWEST_FOLDS = 3
"""With two folds it is not clear which of them is the outlier."""
DOUBTFUL_SHARE = 0.005
"""Share of held-out images with a doubtful label: the tail below three deviations of a normal distribution
holds 0.13 %, so four times as many are not chance."""
FEWEST_DOUBTFUL = 3
USUALLY_RIGHT = 0.8
"""Held-out accuracy from which on a doubtful label means something: a network that errs on every third image
doubts hard pictures too (4 % of the labels of the demo, which are all right, at an accuracy of 0.64)."""
SHIFT_DEVIATIONS = 0.3
"""Standard deviations of the training pictures by which the mean of the test pictures differs; 0.2 counts as
a small effect and 0.5 as a medium one (J. Cohen, 1988)."""
COPIED_SHARE = 0.005
"""Share of test pictures that are near-copies of training pictures."""
OVERFITTING_LOSS = 0.05
"""Rise of the held-out log loss from its lowest to the last epoch, as a share of the lowest: more than
neighbouring epochs differ by once the learning rate is low."""
OVERFITTING_GAP = 0.1
"""Training accuracy less held-out accuracy in the last epoch."""
STILL_RISING = 0.01
"""Rise of the best held-out score within the last fifth of the measured epochs, of fewer than ten within the
last one: one point in a hundred is not a plateau."""
FEWEST_MEASURED = 2
"""Measured epochs between which a score can rise; a run within a time budget often measures no more."""
IMBALANCE = 5.0
"""Training images of the largest tenth of the identities over those of the smallest tenth."""
RARE_GAP = 0.05
"""Accuracy on the half of the identities with more training images less that on the other half."""
WEAKEST_SHARE = 0.3
"""Share of all mistakes that fall on the worst twentieth of the identities; 5 % where mistakes fall
evenly."""
CALIBRATION_ERROR = 0.1
"""Expected calibration error: a confidence that is ten points off misleads pseudo-labels and blends."""
REFUSED_GENUINE = 0.5
"""False negative rate at the chosen threshold: more genuine pairs are refused than accepted."""
WIDE_INTERVAL = 0.05
"""Half width of the score's interval: most improvements of a day are smaller and cannot be seen."""


@dataclass(frozen=True)
class Step:
    """A thing to do next, the evidence for it, the section that shows more, and a command or ''."""

    title: str
    evidence: str
    anchor: str
    command: str = ""


Rule = Callable[[Evidence], Step | None]


def advise(evidence: Evidence, most: int = NUM_STEPS) -> tuple[tuple[Step, ...], int]:
    """The first `most` steps whose rules hold, and how many rules there are."""
    steps = [step for rule in RULES if (step := rule(evidence)) is not None]
    return tuple(steps[:most]), len(RULES)


def scores_disagree(found: Evidence) -> Step | None:
    """Out-of-fold and public scores rank the uploads differently."""
    if found.agreement is None or found.num_uploads < FEWEST_UPLOADS or found.agreement >= LOW_AGREEMENT:
        return None
    return Step(
        "Find out why the leaderboard disagrees with the folds",
        f"rank correlation {found.agreement:.2f} over {found.num_uploads} uploads, below {LOW_AGREEMENT:g}: "
        "look for one identity or near-copies on both sides of the folds before trusting either score",
        "leaderboard",
    )


def fold_is_outlying(found: Evidence) -> Step | None:
    """One fold differs from the others by more than its sample explains."""
    if len(found.fold_values) < FEWEST_FOLDS:
        return None
    distances = {}
    for fold, value in found.fold_values.items():
        others = [each for number, each in found.fold_values.items() if number != fold]
        error = max(found.fold_errors.get(fold, 0.0), float(np.std(others, ddof=1)), 1e-9)
        distances[fold] = (value - float(np.mean(others))) / error
    fold = max(distances, key=lambda number: abs(distances[number]))
    if abs(distances[fold]) < OUTLYING_ERRORS:
        return None
    others_mean = float(np.mean([value for number, value in found.fold_values.items() if number != fold]))
    return Step(
        f"Look at fold {fold}: it is an outlier",
        f"{title_of(found.metric)} {found.fold_values[fold]:.4f} there and {others_mean:.4f} on the others, "
        f"{abs(distances[fold]):.1f} standard errors apart ({OUTLYING_ERRORS:g} is the limit)",
        "learning-curves",
        found.run.training_command(fold),
    )


def labels_are_noisy(found: Evidence) -> Step | None:
    """Held-out images that every sign puts under another identity."""
    if found.accuracy is None or found.accuracy < USUALLY_RIGHT:
        return None
    if found.num_doubtful < max(FEWEST_DOUBTFUL, DOUBTFUL_SHARE * found.num_images):
        return None
    return Step(
        f"Look at {found.num_doubtful} images whose label is doubtful",
        f"{found.num_doubtful} of {found.num_images:,} held-out images "
        f"({found.num_doubtful / found.num_images:.1%}) are called another identity and lie far below the "
        "usual of their own; training without wrong ones costs nothing",
        "label-noise",
        settings_command("check", "--labels", found.run.path.name, settings=found.run.path.parent.name),
    )


def brightness_shifted(found: Evidence) -> Step | None:
    """Test faces are darker or brighter than training faces."""
    shift = found.brightness
    if shift is None or abs(shift.deviations) < SHIFT_DEVIATIONS:
        return None
    word = "darker" if shift.deviations < 0 else "brighter"
    return Step(
        f"Augment brightness: test faces are {word} than training faces",
        f"mean brightness {shift.test_mean:.2f} against {shift.train_mean:.2f}, "
        f"{abs(shift.deviations):.1f} deviations ({SHIFT_DEVIATIONS:g} is the limit); widen "
        "RandomBrightnessContrast in augment.transforms to cover it",
        "shift",
    )


def sharpness_shifted(found: Evidence) -> Step | None:
    """Test faces are more blurred or sharper than training faces."""
    shift = found.sharpness
    if shift is None or abs(shift.deviations) < SHIFT_DEVIATIONS:
        return None
    word, transform = (
        ("more blurred", "GaussianBlur and Downscale")
        if shift.deviations < 0
        else (
            "sharper",
            "Sharpen",
        )
    )
    return Step(
        f"Augment sharpness: test faces are {word} than training faces",
        f"mean sharpness {shift.test_mean:.1f} against {shift.train_mean:.1f}, "
        f"{abs(shift.deviations):.1f} deviations ({SHIFT_DEVIATIONS:g} is the limit); {transform} in "
        "augment.transforms bring the two together",
        "shift",
    )


def test_copies_training(found: Evidence) -> Step | None:
    """Test pictures that were seen in training, where the rules may forbid to use it."""
    if not found.num_copies or found.num_copies < COPIED_SHARE * found.num_test_pictures:
        return None
    return Step(
        "Look at the test pictures that are near-copies of training pictures",
        part_of(found.num_copies, found.num_test_pictures, "test picture", "look like a training picture")
        + ": held-out images have fewer such copies, so the leaderboard may flatter",
        "shift",
    )


def training_overfits(found: Evidence) -> Step | None:
    """The held-out loss rises while the training accuracy is far above the held-out one."""
    worst = None
    for curve in found.curves:
        if len(curve.log_losses) < 3 or curve.train_accuracy is None or curve.held_out_accuracy is None:
            continue
        lowest = min(curve.log_losses)
        rise = curve.log_losses[-1] / lowest - 1 if lowest > 0 else 0.0
        gap = curve.train_accuracy - curve.held_out_accuracy
        if rise >= OVERFITTING_LOSS and gap >= OVERFITTING_GAP and (worst is None or rise > worst[1]):
            worst = (curve, rise, gap)
    if worst is None:
        return None
    curve, rise, gap = worst
    return Step(
        "Regularise: training overfits",
        f"fold {curve.fold}: the held-out log loss rose by {rise:.0%} after epoch "
        f"{int(np.argmin(curve.log_losses)) + 1} of {len(curve.log_losses)}, and training "
        f"accuracy is {gap:.0%} "
        "above held-out accuracy; more augmentation, more weight decay or fewer epochs",
        "learning-curves",
    )


def training_still_rises(found: Evidence) -> Step | None:
    """The held-out score still rose when training ended."""
    rises = []
    for curve in found.curves:
        count = len(curve.scores)
        if count >= FEWEST_MEASURED:
            rises.append(max(curve.scores) - max(curve.scores[: count - max(1, count // 5)]))
    if not rises or float(np.mean(rises)) < STILL_RISING:
        return None
    return Step(
        "Train longer: the score was still rising",
        f"over the last fifth of the measured epochs the held-out score rose by {float(np.mean(rises)):.3f} "
        f"({STILL_RISING:g} is the limit), mean of {counted(len(rises), 'fold')}; try twice train.epochs, or "
        "twice the --minutes of a run within a time budget",
        "learning-curves",
    )


def classes_are_unbalanced(found: Evidence) -> Step | None:
    """Identities with few training images do worse."""
    if len(found.class_sizes) < 10 or found.accuracy_frequent is None or found.accuracy_rare is None:
        return None
    sizes = np.sort(np.asarray([size for size in found.class_sizes if size > 0]))
    tenth = max(1, len(sizes) // 10)
    if not len(sizes):
        return None
    ratio = float(sizes[-tenth:].mean() / sizes[:tenth].mean())
    gap = found.accuracy_frequent - found.accuracy_rare
    if ratio < IMBALANCE or gap < RARE_GAP:
        return None
    return Step(
        "Balance the identities",
        f"the largest tenth has {ratio:.0f} times the training images of the smallest, and accuracy is "
        f"{found.accuracy_rare:.1%} on the smaller half and {found.accuracy_frequent:.1%} on the larger; try "
        "margins by class size (margin.by_class_size) or a balanced sampler",
        "accuracy",
    )


def mistakes_are_concentrated(found: Evidence) -> Step | None:
    """A few identities make most of the mistakes."""
    if found.weakest_share is None or found.num_mistakes < 20 or found.weakest_share < WEAKEST_SHARE:
        return None
    names = ", ".join(found.weakest[:3])
    return Step(
        "Look at the few identities that make most mistakes",
        f"{counted(len(found.weakest), 'identity', 'make')} {found.weakest_share:.0%} of "
        f"{found.num_mistakes} mistakes "
        f"(the first: {names}); see whether two of them are one person",
        "confusions",
    )


def threshold_is_strict(found: Evidence) -> Step | None:
    """Most genuine pairs fall below the chosen threshold."""
    if found.refused_genuine is None or found.refused_genuine < REFUSED_GENUINE:
        return None
    return Step(
        "Choose another threshold before using one-shot recognition",
        f"at the threshold '{found.threshold_rule}' {found.refused_genuine:.1%} of genuine pairs "
        f"are refused; "
        "the curve shows what a higher false positive rate gives",
        "verification",
    )


def confidence_misleads(found: Evidence) -> Step | None:
    """Predicted probabilities are not calibrated."""
    if found.calibration_error is None or found.calibration_error < CALIBRATION_ERROR:
        return None
    return Step(
        "Do not trust confidences yet: blend with temperatures before pseudo-labelling",
        f"expected calibration error {found.calibration_error:.3f} ({CALIBRATION_ERROR:g} is the limit)",
        "calibration",
        found.run.command("ensemble"),
    )


def folds_are_missing(found: Evidence) -> Step | None:
    """Folds that are planned are not trained."""
    if found.planned_folds is None or found.finished_folds >= found.planned_folds:
        return None
    return Step(
        "Train the folds that are missing",
        f"{part_of(found.finished_folds, found.planned_folds, 'fold', 'are finished')}: the score stands "
        "on a part of the training images, and a blend gains with every fold",
        "members",
        found.run.training_command("all"),
    )


def interval_is_wide(found: Evidence) -> Step | None:
    """The score is too uncertain to compare runs by it."""
    if found.half_width is None or found.half_width < WIDE_INTERVAL:
        return None
    return Step(
        "Measure on more before comparing runs",
        f"the score is known to +-{found.half_width:.3f} ({WIDE_INTERVAL:g} is the limit): smaller gains are "
        "noise; compare runs by paired differences, with more folds or trials",
        "members",
        settings_command("evaluate", found.run.path.name, settings=found.run.path.parent.name),
    )


def cutoff_is_ahead(found: Evidence) -> Step | None:
    """The gap to the next cut-off, and whether it is more than noise."""
    if found.next_cutoff is None:
        return None
    name, score, missing = found.next_cutoff
    noise = (
        ""
        if found.half_width is None
        else (
            ", inside the score's interval"
            if missing <= found.half_width
            else ", beyond the score's interval"
        )
    )
    return Step(
        f"Reach the cut-off '{name}'",
        f"it is {score:g}, and {missing:.4f} is missing{noise}",
        "leaderboard",
    )


def blend_is_missing(found: Evidence) -> Step | None:
    """Networks that are not blended yet."""
    if found.has_blend or (found.finished_folds < 2 and found.num_runs < 2):
        return None
    return Step(
        "Blend the networks",
        f"{counted(found.finished_folds, 'fold', 'are finished')} and no current blend is there; the mean of "
        "networks is usually better than each of them",
        "blend",
        found.run.command("ensemble"),
    )


def backbones_are_alike(found: Evidence) -> Step | None:
    """Only one run is there: a second backbone gives a blend more than another fold does."""
    if found.num_runs > 1:
        return None
    return Step(
        "Train a second run with another backbone",
        "the report is about one run; networks that err differently gain most when blended",
        "blend",
    )


RULES: tuple[Rule, ...] = (
    scores_disagree,
    fold_is_outlying,
    labels_are_noisy,
    brightness_shifted,
    sharpness_shifted,
    test_copies_training,
    training_overfits,
    training_still_rises,
    classes_are_unbalanced,
    mistakes_are_concentrated,
    folds_are_missing,
    threshold_is_strict,
    confidence_misleads,
    interval_is_wide,
    blend_is_missing,
    cutoff_is_ahead,
    backbones_are_alike,
)
