"""The model card beside exported files: training data, figures and use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.record_io import read_train_images
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.errors import KaggleFaceError, counted
from kaggle_face.evaluation.blend_record import read_blend_record
from kaggle_face.evaluation.figures import measure_classes, measure_pairs, open_trials
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.evaluation.members import Member
from kaggle_face.inference.onnx_file import EMBEDDINGS, KEY, LOGITS, OnnxDescription
from kaggle_face.metrics.table import METRICS
from kaggle_face.model.backbones.timm_library import license_of_weights
from kaggle_face.model.trained import model_of_fold
from kaggle_face.pipeline.export.plan import ExportPlan

if TYPE_CHECKING:
    from kaggle_face.pipeline.export.results import ExportedFile, ExportResult

CARD_FILE = "model-card.md"
_UNKNOWN = "unknown"


def card_text(plan: ExportPlan, description: OnnxDescription, result: ExportResult) -> str:
    """The card as Markdown, of the first file: `description` is its own."""
    sections = (
        [f"# {_plain(description.run)}, {_plain(plan.checkpoint)}", "", *_summary(plan, description)],
        ["## Training data", "", *_training(plan)],
        ["## Figures on held-out data", "", *_figures(plan)],
        ["## Thresholds", "", *_thresholds(description)],
        ["## Files", "", *_files(result)],
        ["## Use", "", *_use(plan, description, result)],
        ["## Licence", "", *_licences(plan)],
        ["## Provenance", "", *_provenance(plan, description)],
    )
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _summary(plan: ExportPlan, description: OnnxDescription) -> list[str]:
    gives = {EMBEDDINGS: "embeddings of length 1, whose dot product is the score of two faces"}
    gives[LOGITS] = (
        f"logits of {counted(len(description.classes), 'class')}"
        + (" (log-probabilities of the blend)" if plan.is_blend else "")
        + "; -inf: a class that was never trained"
    )
    kind = f"A blend of {counted(len(plan.networks), 'network')}" if plan.is_blend else "A network"
    return [
        f"{kind} for faces, written by kaggle-face {description.version}.",
        "",
        f"- Input `images`: {description.input}, with image_size {description.image_size}. Pixels are not "
        "scaled: that is inside. Faces are aligned crops as in training, stretched to a square.",
        *(f"- Output `{name}`: {gives[name]}." for name in plan.outputs),
        f"- Averaged over: {description.averaging}.",
    ]


def _training(plan: ExportPlan) -> list[str]:
    rows = []
    for fold in dict.fromkeys(network.fold for network in plan.networks):
        counts = read_train_images(fold.classes_file)
        config = fold.read_config()
        rows.append(
            [
                "/".join(fold.path.resolve().parts[-3:]),
                config.competition.slug,
                f"{int(counts.sum()):,}",
                f"{int((counts > 0).sum()):,} of {len(counts):,}",
                config.model.backbone,
                _seen_part(model_of_fold(fold, config).center_crop),
            ]
        )
    header = ["fold", "data", "training images", "identities with images", "backbone", "sees"]
    return _table(header, rows)


def _seen_part(share: float) -> str:
    """The part of a picture that a network sees.

    >>> _seen_part(1.0), _seen_part(0.65)
    ('all', '65 % of each side')
    """
    return "all" if share == 1.0 else f"{100 * share:g} % of each side"


def _figures(plan: ExportPlan) -> list[str]:
    if plan.is_blend:
        record = read_blend_record(plan.run)
        tasks = {} if record is None else record.tasks
        rows = [
            [task, METRICS[name].title if name in METRICS else name, f"{value:.4f}"]
            for task, found in tasks.items()
            for name, value in found.metrics.items()
        ]
        if not rows:
            return ["None: nothing is held out."]
        return [*_table(["task", "metric", "out of fold"], rows), "", "A blend's record keeps no intervals."]
    network = plan.networks[0]
    member = Member(network.fold.run, network.checkpoint, (network.fold,))
    rows = [_figure_row(estimate) for estimate in _estimates(member)]
    if not rows:
        return ["None: the fold has no held-out records of this checkpoint."]
    return _table(["metric", "value", "95 % interval"], rows)


def _estimates(member: Member) -> list[Estimate]:
    """All held-out metrics of a checkpoint; none for a task without records that are whole."""
    found: list[Estimate] = []
    fold = member.folds[0]
    try:
        if fold.record_folder("oof", member.checkpoint, "predictions").is_dir():
            own = own_metrics_of(fold.read_config())
            found += measure_classes([member], own_metric=own.classes)[0]
    except KaggleFaceError:
        pass
    try:
        trials = open_trials([member])
        found += [] if trials is None else measure_pairs(trials, 0)
    except KaggleFaceError:
        pass
    return found


def _figure_row(estimate: Estimate) -> list[str]:
    interval = estimate.interval
    shown = (estimate.note or "-") if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"
    title = METRICS[estimate.metric].title if estimate.metric in METRICS else estimate.metric
    return [title, f"{estimate.value:.4f}", shown]


def _thresholds(description: OnnxDescription) -> list[str]:
    rows = [
        [str(one["name"]), f"{one['value']:.4f}", _rate(one["fpr"]), _rate(one["fnr"])]
        for one in description.thresholds
    ]
    if not rows:
        return ["None are known: choose one on labelled pairs of your own."]
    table = _table(["name", "lowest accepted score", "false matches", "false non-matches"], rows)
    return [*table, "", "Found on held-out pairs of the fold. The INT8 file holds thresholds of its own."]


def _files(result: ExportResult) -> list[str]:
    header = [
        *("", "MB", "images/s", "largest cosine distance", "largest difference of a probability"),
        *("EER", "loss in EER"),
    ]
    lines = _table(header, [table_cells(row) for row in result.table])
    measured = (
        f"EER: {counted(result.num_trials, 'held-out trial')}."
        if result.num_trials
        else "EER: not measured, since no labelled trial is held out of all networks or at hand."
    )
    calibrated = (
        f" INT8 was calibrated on {counted(result.num_calibration, 'training image')}, and none is measured."
        if result.num_calibration
        else ""
    )
    compared = f"Compared with torch on {result.num_images} {result.kind} images."
    return [*lines, "", f"{compared} {measured}{calibrated}", *(f"- {_plain(note)}" for note in result.notes)]


def table_cells(row: ExportedFile) -> list[str]:
    """The cells of a file in the table: name, MB, images/s, differences from torch, EER and its loss."""
    return [
        row.name,
        f"{row.megabytes:.1f}",
        f"{row.images_per_second:.0f}",
        "-" if row.cosine_distance is None else f"{row.cosine_distance:.1e}",
        "-" if row.probability_difference is None else f"{row.probability_difference:.1e}",
        "-" if row.eer is None else f"{row.eer:.4f}",
        "-" if row.eer_loss is None else f"{row.eer_loss:+z.4f}",
    ]


def _use(plan: ExportPlan, description: OnnxDescription, result: ExportResult) -> list[str]:
    output, file = plan.outputs[0], next(iter(result.files.values())).name
    last = (
        'print("score:", float(found[0] @ found[1]))'
        if output == EMBEDDINGS
        else f'names = json.loads(session.get_modelmeta().custom_metadata_map["{KEY}"])["classes"]\n'
        "print([names[best] for best in found.argmax(axis=1)])"
    )
    size = description.image_size
    imports = ["import json", ""] if output == LOGITS else []
    return [
        "```python",
        *imports,
        "import numpy as np",
        "import onnxruntime",
        "from PIL import Image",
        "",
        f'session = onnxruntime.InferenceSession("{file}")',
        f'faces = [Image.open(name).convert("RGB").resize(({size}, {size}), Image.BICUBIC) '
        'for name in ("one.jpg", "other.jpg")]',
        f'found = session.run(["{output}"], {{"images": np.stack([np.asarray(face) for face in faces])}})[0]',
        *last.splitlines(),
        "```",
    ]


def _licences(plan: ExportPlan) -> list[str]:
    lines = []
    for fold in dict.fromkeys(network.fold for network in plan.networks):
        name = "/".join(fold.path.resolve().parts[-3:])
        lines.append(f"- {_plain(name)}: {_plain(_licence_of(fold))}")
    return [
        *lines,
        "- The data that the networks were trained on have terms of their own, which are not known here.",
    ]


def _licence_of(fold: FoldFolder) -> str:
    """The licence of the weights that a training began from, as far as it is known."""
    model = fold.read_config().model
    networks = fold.read_info().get("networks") or {}
    if model.weights is not None:
        return f"{_UNKNOWN} (the backbone began from a file of weights)"
    if model.pretrained:
        return f"{license_of_weights(model.backbone) or _UNKNOWN} (published weights of {model.backbone})"
    if networks:
        return f"that of the networks it was made from: {', '.join(networks)}"
    return "the backbone was trained from scratch, without weights of others"


def _provenance(plan: ExportPlan, description: OnnxDescription) -> list[str]:
    rows = [["fingerprint of the network in galleries", description.fingerprint]]
    rows += [[f"weights of {one.name}", one.weights] for one in description.networks]
    for fold in dict.fromkeys(network.fold for network in plan.networks):
        info: dict[str, Any] = fold.read_info()
        name = "/".join(fold.path.resolve().parts[-3:])
        rows += [[f"{name}: {key}", str(value)] for key, value in (info.get("made_of") or {}).items()]
        rows += [[f"{name}: commit", str(info["commit"])]] if info.get("commit") else []
    return _table(["what", "digest"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(map(_plain, line))} |" for line in lines]


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _plain(text: str) -> str:
    r"""Text that Markdown shows as it is, in a table too.

    >>> print(_plain("a|b <i>"))
    a\|b &lt;i&gt;
    """
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("|", "\\|").replace("`", "\\`")
