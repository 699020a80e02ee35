"""Names for the probes of a gallery: the threshold is chosen on dev, and its curve kept beside the record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.record_io import read_embeddings
from kaggle_face.artifacts.tables import write_table
from kaggle_face.errors import DataError
from kaggle_face.evaluation.held_out_figures import matches_of
from kaggle_face.metrics.galleries import accuracy_of, choose_threshold
from kaggle_face.metrics.identification import GalleryThreshold
from kaggle_face.records import CompetitionData, StrArray


@dataclass(frozen=True, eq=False)
class NamedProbes:
    """The answer for each probe of the test gallery, and how it was come by.

    `threshold` is the cosine below which nobody is named (-inf: everybody is), `dev_accuracy` what it reaches
    on the dev gallery, on which it was chosen, or None without one, `curve` the accuracy at each threshold.
    """

    probe_ids: StrArray
    names: StrArray
    threshold: float
    dev_accuracy: float | None
    curve: GalleryThreshold | None

    def __str__(self) -> str:
        if self.dev_accuracy is None:
            return "every probe is named: there is no dev gallery to choose a threshold on"
        kept = "" if self.curve is None else f"threshold {self.threshold:.4f} chosen there, "
        return f"dev gallery: {kept}accuracy {100 * self.dev_accuracy:.1f} %"


def name_probes(data: CompetitionData, records: Path) -> NamedProbes:
    """The best match of each test probe, or `no_match` below the threshold of dev.

    The best match is that of a blend's post-processing where `gallery_test.csv` lies beside the embeddings
    at `records`, and else the known person of highest cosine.

    Raises:
        DataError: There is no test gallery, or a probe or an image has no answer.
    """
    if data.test_gallery is None:
        raise DataError("this competition has no gallery of known people")
    embeddings = read_embeddings(records)
    found = matches_of(records.parent / "gallery_test.csv", embeddings, data.test_gallery)
    dev = data.dev_gallery
    if dev is None:
        return NamedProbes(found.probe_ids, found.names, -np.inf, None, None)
    tried = matches_of(records.parent / "gallery_dev.csv", embeddings, dev)
    curve = choose_threshold(tried, dev)
    threshold = -np.inf if curve is None else curve.threshold
    accuracy = accuracy_of(tried.answers(threshold, dev.no_match), dev)
    names = found.answers(threshold, data.test_gallery.no_match)
    return NamedProbes(found.probe_ids, names, threshold, accuracy, curve)


def write_curve(path: Path, curve: GalleryThreshold) -> None:
    """Writes the dev accuracy at each threshold as CSV."""
    write_table(path, {"threshold": curve.thresholds, "dev_accuracy": curve.accuracies})
