"""The pictures of docs/metrics.md, drawn from generated data with the metrics of the package.

python -m docs.making.metric_pictures      # writes docs/pictures/metrics/*.svg anew (extra docs)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from docs.making.metric_examples import (
    CAPTIONS,
    embedded_people,
    labelled_images,
    matched_probes,
    scored_pairs,
)
from kaggle_face import metrics

FOLDER = Path(__file__).parents[1] / "pictures" / "metrics"
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#BBBBBB"
PEOPLE_COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kaggle-face",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
}


def draw_ranks(axes: Any, colour_of_rank: Callable[[int], str], worth: Callable[[int], float]) -> None:
    """How many images have their true class at each rank, coloured and scaled by what a rank counts."""
    images = labelled_images()
    ranks = metrics.true_class_ranks(images.logits, images.labels)
    shown = np.arange(1, 11)
    counts = np.array([np.count_nonzero(ranks == rank) for rank in shown])
    axes.bar(shown, counts, color=GREY, width=0.8)
    axes.bar(
        shown,
        [count * worth(int(rank)) for rank, count in zip(shown, counts, strict=True)],
        color=[colour_of_rank(int(rank)) for rank in shown],
        width=0.8,
    )
    axes.set(xlabel="rank of the true class (coloured: what counts)", ylabel="images", xticks=shown)


def draw_accuracy(axes: Any) -> None:
    """The images whose true class comes first."""
    draw_ranks(axes, lambda rank: BLUE if rank == 1 else GREY, lambda rank: 1.0)


def draw_top5(axes: Any) -> None:
    """The images whose true class is among the first five."""
    draw_ranks(axes, lambda rank: BLUE if rank <= 5 else GREY, lambda rank: 1.0)


def draw_map5(axes: Any) -> None:
    """The images weighted by the reciprocal of the rank."""
    draw_ranks(axes, lambda rank: BLUE, lambda rank: 1 / rank if rank <= 5 else 0.0)


def draw_log_loss(axes: Any) -> None:
    """What an image costs by the probability of its true class, and where the images lie."""
    images = labelled_images()
    shifted = images.logits - images.logits.max(axis=1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    true_probabilities = probabilities[np.arange(len(images.labels)), images.labels]
    curve = np.linspace(0.002, 1, 200)
    axes.plot(curve, -np.log(curve), color=BLUE)
    some = true_probabilities[:80]
    axes.plot(some, -np.log(some), "o", color=ORANGE, markersize=3, alpha=0.6)
    axes.set(xlabel="probability of the true class", ylabel="loss in nats", ylim=(0, 6))


def draw_calibration(axes: Any) -> None:
    """Accuracy by confidence, beside what calibrated confidences would give."""
    images = labelled_images()
    shifted = images.logits - images.logits.max(axis=1, keepdims=True)
    confidences = 1 / np.exp(shifted).sum(axis=1)
    is_right = images.logits.argmax(axis=1) == images.labels
    edges = np.linspace(0, 1, 11)
    inside = [(confidences > low) & (confidences <= low + 0.1) for low in edges[:-1]]
    shares = [float(is_right[rows].mean()) if rows.any() else 0.0 for rows in inside]
    means = [float(confidences[rows].mean()) if rows.any() else 0.0 for rows in inside]
    axes.bar(edges[:-1] + 0.05, shares, width=0.09, color=BLUE)
    gaps = [mean - share for mean, share in zip(means, shares, strict=True)]
    axes.bar(edges[:-1] + 0.05, gaps, bottom=shares, width=0.09, color="#F0B48C")
    axes.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8)
    axes.set(xlabel="confidence", ylabel="right answers (orange: gap)", xlim=(0, 1), ylim=(0, 1))


def draw_eer(axes: Any) -> None:
    """Both error rates against the threshold, and where they cross."""
    pairs = scored_pairs()
    thresholds = np.linspace(-0.2, 0.8, 120)
    rates = [metrics.error_rates(pairs.scores, pairs.is_same, threshold) for threshold in thresholds]
    found = metrics.equal_error_rate(pairs.scores, pairs.is_same)
    axes.plot(thresholds, [rate.fpr for rate in rates], color=ORANGE, label="FPR: impostor pairs accepted")
    axes.plot(thresholds, [rate.fnr for rate in rates], color=BLUE, label="FNR: genuine pairs rejected")
    axes.plot([found.threshold], [found.eer], "o", color="black")
    axes.axvline(found.threshold, color=GREY, linewidth=0.8, zorder=0)
    axes.set(xlabel="threshold", ylabel="error rate")
    axes.legend(frameon=False, loc="upper center")


def draw_auc(axes: Any) -> None:
    """The ROC curve and the area under it."""
    pairs = scored_pairs()
    points = metrics.roc_points(pairs.scores, pairs.is_same, 200)
    axes.plot(points.fpr, points.tpr, color=BLUE)
    axes.fill_between(points.fpr, points.tpr, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8)
    axes.set(xlabel="FPR", ylabel="TPR", xlim=(0, 1), ylim=(0, 1.02))


def draw_tpr(axes: Any) -> None:
    """The left end of the ROC curve on a logarithmic axis, read at two false positive rates."""
    pairs = scored_pairs()
    points = metrics.roc_points(pairs.scores, pairs.is_same, 200)
    axes.semilogx(np.maximum(points.fpr, 1e-5), points.tpr, color=BLUE)
    for fpr in (1e-2, 1e-3):
        tpr = metrics.tpr_at_fpr(pairs.scores, pairs.is_same, fpr).tpr
        axes.plot([fpr, fpr, 1e-4], [0, tpr, tpr], "--", color=ORANGE, linewidth=0.8)
        axes.plot([fpr], [tpr], "o", color=ORANGE)
    axes.set(xlabel="FPR", ylabel="TPR", xlim=(1e-4, 1), ylim=(0, 1.02))


def draw_ten_fold(axes: Any) -> None:
    """The accuracy of each part at the threshold of the nine others."""
    pairs = scored_pairs()
    rows = slice(4000)
    found = metrics.verification_accuracy(pairs.scores[rows], pairs.is_same[rows], pairs.parts[rows])
    axes.bar(np.arange(1, 11), found.accuracies, color=BLUE, width=0.8)
    axes.axhline(found.mean, color=ORANGE, linewidth=1)
    low, high = found.accuracies.min(), found.accuracies.max()
    axes.set(xlabel="part (orange: mean)", ylabel="accuracy", xticks=np.arange(1, 11))
    axes.set_ylim(low - (high - low), min(1.0, high + (high - low) / 2))


def draw_gallery_accuracy(axes: Any) -> None:
    """Accuracy against the threshold, and the best."""
    probes = matched_probes()
    best = metrics.best_gallery_threshold(probes.best_scores, probes.is_correct, probes.is_enrolled)
    thresholds = np.linspace(0.0, 1.0, 120)
    accuracies = [
        metrics.gallery_accuracy(probes.best_scores, probes.is_correct, probes.is_enrolled, threshold)
        for threshold in thresholds
    ]
    axes.plot(thresholds, accuracies, color=BLUE)
    axes.plot([best.threshold], [best.accuracy], "o", color=ORANGE)
    axes.set(xlabel='threshold: below it the answer is "no match"', ylabel="accuracy", ylim=(0, 1))


def draw_open_set(axes: Any) -> None:
    """DIR against FPIR, read at 1 %."""
    probes = matched_probes()
    columns = (probes.best_scores, probes.is_correct, probes.is_enrolled)
    fpirs = np.geomspace(1.25e-3, 1, 80)
    axes.semilogx(fpirs, [metrics.dir_at_fpir(*columns, fpir).rate for fpir in fpirs], color=BLUE)
    rate = metrics.dir_at_fpir(*columns, 1e-2).rate
    axes.plot([1e-2, 1e-2, 1e-3], [0, rate, rate], "--", color=ORANGE, linewidth=0.8)
    axes.plot([1e-2], [rate], "o", color=ORANGE)
    axes.set(xlabel="FPIR: unknown people who get a name", ylabel="DIR: enrolled, named rightly")
    axes.set(xlim=(1e-3, 1), ylim=(0, 1.02))


def draw_one_shot(axes: Any) -> None:
    """One episode: a known image of each person (star), and an image that goes to the nearest star."""
    found = embedded_people()
    known = np.arange(0, 40, 8)
    asked = known + 5
    nearest = (found.embeddings[asked] @ found.embeddings[known].T).argmax(axis=1)
    for person, colour in enumerate(PEOPLE_COLOURS):
        rows = found.people == person
        axes.plot(*found.embeddings[rows].T, "o", color=colour, markersize=3, alpha=0.35)
        axes.plot(*found.embeddings[known[person]], "*", color=colour, markersize=12)
        ends = found.embeddings[[asked[person], known[nearest[person]]]]
        axes.plot(*ends.T, color=PEOPLE_COLOURS[person], linewidth=1)
        axes.plot(*ends[0], "s", color=colour, markersize=6)
    axes.set(xlabel="stars: known images; squares: to be named", xticks=[], yticks=[])
    axes.set_aspect("equal")


PICTURES: Mapping[str, Callable[[Any], None]] = {
    "accuracy": draw_accuracy,
    "top5": draw_top5,
    "map5": draw_map5,
    "log-loss": draw_log_loss,
    "calibration": draw_calibration,
    "eer": draw_eer,
    "auc": draw_auc,
    "tpr": draw_tpr,
    "ten-fold": draw_ten_fold,
    "gallery-accuracy": draw_gallery_accuracy,
    "open-set": draw_open_set,
    "one-shot": draw_one_shot,
}


def main() -> None:
    """Writes all pictures."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        for name, draw in PICTURES.items():
            figure, axes = pyplot.subplots(figsize=(5.0, 2.9), layout="constrained")
            draw(axes)
            axes.set_title(CAPTIONS[name](), loc="left")
            FOLDER.mkdir(parents=True, exist_ok=True)
            figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
            pyplot.close(figure)


if __name__ == "__main__":
    main()
