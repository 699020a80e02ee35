"""Descriptions of competitions and layouts: expected files, CSVs, metric and rules, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from kaggle_face.competitions.catalogue.known import LeaderboardMetric, Rules, competition_spec
from kaggle_face.competitions.layouts.layout import Layout, example_of
from kaggle_face.competitions.layouts.named import find_layout, layout_named
from kaggle_face.errors import counted
from kaggle_face.metrics.table import METRICS
from kaggle_face.tasks import TASKS, Task


@dataclass(frozen=True)
class Description:
    """A description of a competition or of a layout; as text a heading and sections of indented lines."""

    heading: tuple[str, ...]
    sections: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def lines(self) -> list[str]:
        """The heading, then each section after a blank line."""
        found = list(self.heading)
        for title, lines in self.sections:
            found += ["", title, *(f"  {line}" for line in lines)]
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines)


def describe(name: str) -> Description:
    """The description of a competition, by its slug, or of a layout, by its name.

    Raises:
        ConfigError: Neither is known here; the nearest slugs are offered.
    """
    layout = find_layout(name)
    if layout is not None:
        heading = (f"layout {layout.name} ({layout.title})", f"variants: {', '.join(layout.variants)}")
        of_variants = (_files_and_csvs(layout, variant, TASKS, variant) for variant in layout.examples)
        return Description(heading, tuple(chain.from_iterable(of_variants)))
    spec = competition_spec(name)
    layout = layout_named(spec.layout)
    variant = layout.variants[0] if spec.variant == "auto" else spec.variant
    rules = tuple(describe_rules(spec.rules)) or ("none known here; read the competition's page",)
    sections = [*_files_and_csvs(layout, variant, spec.tasks), ("rules:", rules)]
    if spec.cutoffs:
        grades = (f"{grade} {score:g}" for grade, score in spec.cutoffs.items())
        sections.append((f"cut-offs of the leaderboard: {', '.join(grades)}", ()))
    if spec.notes:
        sections.append(("notes:", spec.notes))
    return Description(
        (
            f"{spec.slug}: {spec.title}",
            f"layout {layout.name} ({layout.title})",
            f"variant {spec.variant}; known: {', '.join(layout.variants)}",
            f"identities: {spec.identities}; {spec.image_size} x {spec.image_size} pixels",
            f"metric: {describe_metric(spec.metric)}",
        ),
        tuple(sections),
    )


def _files_and_csvs(
    layout: Layout, variant: str, tasks: Sequence[Task], label: str = ""
) -> list[tuple[str, tuple[str, ...]]]:
    """An example of the files, and the header and two rows of each task's CSV."""
    example, of_variant = example_of(layout, variant), f" of {label}" if label else ""
    sections = [(f"example files{of_variant}:", tuple(example.tree.strip("\n").splitlines()))]
    for task in tasks:
        if rows := example.rows(task):
            columns = layout.formats(variant).of_task(task).columns
            sections.append((f"{task} CSV{of_variant}:", (",".join(columns), *rows)))
    return sections


def describe_rules(rules: Rules) -> list[str]:
    """The rules that are known, one line each."""
    lines = []
    if rules.max_parameters is not None:
        over = "over all models of an ensemble" if rules.limit_covers_ensemble else "per model"
        lines.append(f"at most {rules.max_parameters / 1e6:g}M parameters {over}")
    forbidden = {
        "convolutional networks only, no attention": rules.forbids_attention,
        "no imported architectures": rules.forbids_imported_architectures,
        "no pretrained weights": rules.forbids_pretrained,
        "no outside data": rules.forbids_outside_data,
        "with ArcFace no label smoothing, CutMix or Mixup": rules.forbids_mixing_with_arcface,
        "no answers by neighbouring test images: query expansion, database augmentation, neighbourhoods, "
        "re-ranking": rules.forbids_test_neighbours,
    }
    lines += [text for text, holds in forbidden.items() if holds]
    if rules.submissions_a_day is not None:
        lines.append(f"{counted(rules.submissions_a_day, 'submission')} a day")
    return lines


def describe_metric(metric: LeaderboardMetric) -> str:
    """A metric in words, with its direction."""
    if metric == "composite":
        return "0.5 x accuracy + 0.5 x (1 - EER) (higher is better)"
    return METRICS[metric].description
