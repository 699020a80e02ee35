"""Labels of pairs compared with the identities that other files give their images."""

from __future__ import annotations

from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.config.competition import CustomConfig
from kaggle_face.errors import ConfigError, part_of
from kaggle_face.records import CompetitionData


def refuse_reversed_labels(data: CompetitionData, custom: CustomConfig, answers: Answers) -> None:
    """Refuses labels that were read the wrong way round, unless an answer names the one of same pairs.

    They are where most pairs of known identities have the opposite label, of one person and of two. Labels of
    another relation, such as kinship, contradict those of two people alone.

    Raises:
        ConfigError: The labels are reversed; the option that answers is named.
    """
    if not len(data.dev_pairs) or any("=" in text for text in answers.pairs):
        return
    faces = data.faces
    label_of = dict(zip(faces.image_ids.tolist(), faces.labels.tolist(), strict=True))
    compared = []
    for first, second, label in zip(
        data.dev_pairs.first_ids.tolist(),
        data.dev_pairs.second_ids.tolist(),
        data.dev_pairs.labels.tolist(),
        strict=True,
    ):
        one, two = label_of.get(first, -1), label_of.get(second, -1)
        if min(one, two) >= 0:
            compared.append((one == two, label == 1))
    wrong = sum(is_same != given for is_same, given in compared)
    if 2 * wrong <= len(compared) or not {(True, False), (False, True)} <= {*compared}:
        return
    entry = next(entry for entry in custom.pairs if entry.label is not None)
    columns = ",".join(filter(None, (entry.first, entry.second, entry.label)))
    what = part_of(wrong, len(compared), "labelled pair of known identities", "have the opposite label")
    raise ConfigError(
        f"{entry.file}: {what} in '{entry.label}'; say which label means the same person with --pairs "
        f"'{entry.file}:{columns}=LABEL'"
    )
