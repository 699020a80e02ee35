"""Settings that differ from the base, versions, commit, and the inputs of the run."""

from __future__ import annotations

from kaggle_face.errors import counted
from kaggle_face.report.blocks import Block, Column, Paragraph, Table
from kaggle_face.report.facts import FoldFacts, ReportFacts, RunFacts
from kaggle_face.report.section import Content, Section

_KEPT = (
    "kind",
    "command_line",
    "commit",
    "began_at",
    "status",
    "seed",
    "folds",
    "python",
    "platform",
    "device",
)


def build(facts: ReportFacts) -> Content:
    """For each run its differing settings, and how its folds were made."""
    blocks: list[Block] = []
    for run in facts.runs:
        blocks.append(_differences(run))
        if run.folds:
            blocks.append(_provenance(run))
    return tuple(blocks)


def _differences(run: RunFacts) -> Table | Paragraph:
    if not run.differences:
        return Paragraph(f"{run.name}: no setting differs from the base, or its settings are not kept.")
    columns = (Column("setting"), Column("base"), Column("this run"))
    note = counted(len(run.differences), "setting", "differ from configs/base.yaml.")
    return Table(f"{run.name}: settings that differ", columns, run.differences, note)


def _provenance(run: RunFacts) -> Table:
    """One column a fold; rows whose values are equal in all folds are shown once in each column."""
    rows: dict[str, list[str]] = {}
    for place, fold in enumerate(run.folds):
        for key, value in _of_fold(fold).items():
            rows.setdefault(key, [""] * len(run.folds))[place] = value
    columns = (Column("what"), *(Column(f"fold {fold.fold}") for fold in run.folds))
    cells = tuple((key, *values) for key, values in rows.items())
    note = "Digests name the exact contents; two runs with equal digests were trained on the same."
    return Table(f"{run.name}: how it was made", columns, cells, note)


def _of_fold(fold: FoldFacts) -> dict[str, str]:
    info = fold.info
    found = {key: str(info[key]) for key in _KEPT if info.get(key) is not None}
    found |= {f"version of {name}": str(value) for name, value in _mapping(info.get("versions")).items()}
    found |= {f"digest of {name}": str(value) for name, value in _mapping(info.get("made_of")).items()}
    found |= {f"network {name}": str(value) for name, value in _mapping(info.get("networks")).items()}
    if info.get("ignored_rules"):
        found["ignored rules"] = ", ".join(map(str, info["ignored_rules"]))
    return found


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


SECTION = Section(
    "settings",
    "Settings and provenance",
    "Everything needed to make the run again: settings that differ from the base, versions, "
    "commit, and digests "
    "of what it was trained on.",
    build,
)
