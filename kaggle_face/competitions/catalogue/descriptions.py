"""What a competition's folder and CSVs look like, in words for the person at the keyboard."""

from __future__ import annotations

from typing import assert_never

from kaggle_face.competitions.catalogue.known import CompetitionFacts, MetricName, Rules
from kaggle_face.competitions.layouts.layout import FamilyKey
from kaggle_face.competitions.submission.formats import SubmissionFormat
from kaggle_face.tasks import Task

_TREES: dict[str, str] = {
    "A": """
train_data/medium/<int>/*.jpg                 train_data/large/<int>/*.jpg (ids from 2300 on)
validation_classification/{medium,large}/<int>/*.jpg
test_classification/medium/<n>.jpg            test_order_classification.txt
validation_verification/<n>.jpg               validation_trials_verification.txt       a.jpg b.jpg 1
test_verification/<n>.jpg                     test_trials_verification_student.txt     a.jpg b.jpg""",
    "A-s19": """
or, released again: test_veri_T_new/<n>.jpg   trials_test_new.txt""",
    "B": """
train_data/<int>/*.jpg    val_data/<int>/*.jpg    test_data/<n>.jpg    [classification_test.txt]
verification_data/*.jpg
verification_pairs_val.txt     verification_data/a.jpg verification_data/b.jpg 1
verification_pairs_test.txt    verification_data/a.jpg verification_data/b.jpg""",
    "B-f20": """
classification_data/{train_data,val_data,test_data}/<int>/*.jpg
verification_data/*.jpg
verification_pairs_val.txt     verification_data/a.jpg verification_data/b.jpg 1
verification_pairs_test.txt    verification_data/a.jpg verification_data/b.jpg""",
    "C": """
classification/classification/{train,dev}/<n00xxxx>/*.jpg    classification/classification/test/000000.jpg
verification/verification/{dev,test}/*.jpg
verification/verification/verification_dev.csv     image_A,image_B,match
verification/verification/verification_test.csv    image_A,image_B
(folders may be doubled by the archives or not; train_subset/ is used where train/ is missing)""",
    "D": """
<classification>/{train,dev}/<n00xxxx>/*.jpg    <classification>/test/*.jpg
<verification>/known/<n00xxxx>/*    <verification>/unknown_dev/*    <verification>/unknown_test/*
<verification>/verification_dev.csv (fall 2022: dev_identities.csv) with a column 'label'
(both archives below one folder, under any names)""",
    "E": """
cls_data/{train,dev,test}/images/*    cls_data/{train,dev,test}/labels.txt    path label
ver_data/*.jpg
val_pairs.txt     a.jpg b.jpg 1
test_pairs.txt    a.jpg b.jpg""",
    "E-f24": """
cls_data/{train,dev}/<identity>/*.jpg
ver_data/*.jpg
val_pairs.txt     a.jpg b.jpg 1
test_pairs.txt    a.jpg b.jpg""",
    "kinship": """
train/<family>/<person>/*.jpg    train_relationships.csv    p1,p2
test/*.jpg                       sample_submission.csv      img_pair,is_related""",
    "topk": """
train.csv    image,...,individual_id
train_images/*    test_images/*""",
}


def expected_files(family: FamilyKey, variant: str) -> str:
    """The folder tree of a family's variant, one line per place."""
    own = _TREES.get(f"{family}-{variant}", "")
    return (_TREES[family] + own if family == "A" else own or _TREES[family]).strip("\n")


def csv_example(facts: CompetitionFacts, task: Task, form: SubmissionFormat) -> list[str]:
    """The header of a task's CSV and two rows of it."""
    ids, values = _example_ids(facts, task), _example_values(facts, task)
    return [",".join(form.columns), *(",".join(row) for row in zip(ids, values, strict=True))]


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
        lines.append(f"{rules.submissions_a_day} submissions a day")
    return lines


def describe_metric(metric: MetricName) -> str:
    """A metric in words, with its direction."""
    match metric:
        case "accuracy":
            return "accuracy (higher is better)"
        case "auc":
            return "area under the ROC curve (higher is better)"
        case "eer":
            return "equal error rate (lower is better)"
        case "map@5":
            return "mean average precision at 5 (higher is better)"
        case "composite":
            return "0.5 x accuracy + 0.5 x (1 - EER) (higher is better)"
        case _:
            assert_never(metric)


def _example_ids(facts: CompetitionFacts, task: Task) -> tuple[str, str]:
    match facts.family, task:
        case "A", "classification":
            return ("0", "1") if facts.variant == "s19" else ("5000.jpg", "5001.jpg")
        case "A", _:
            return "299317.jpg 248776.jpg", "299317.jpg 201134.jpg"
        case "B", "classification":
            return "0.jpg", "1.jpg"
        case "B", _ if facts.variant == "f21":
            return "00020839.jpg 00035322.jpg", "00020839.jpg 00011741.jpg"
        case "B", _:
            pairs = ("verification_data/00020839.jpg verification_data/00035322.jpg",)
            return (*pairs, "verification_data/00020839.jpg verification_data/00011741.jpg")
        case (("C" | "D" | "E"), "classification"):
            return ("00000.jpg", "00001.jpg") if facts.variant == "s23" else ("000000.jpg", "000001.jpg")
        case "kinship", _:
            return "face05508.jpg-face01210.jpg", "face05750.jpg-face00898.jpg"
        case "topk", _:
            return "000110707af0ba.jpg", "0006287ec424cb.jpg"
        case _:
            return "0", "1"


def _example_values(facts: CompetitionFacts, task: Task) -> tuple[str, str]:
    match facts.family, task:
        case "topk", _:
            some = "37c7aba965a5 114207cab555 a6e325d8e924"
            return f"{some} new_individual 19fbb960f07d", f"new_individual {some} c995c043c353"
        case "D", "verification":
            return "n000123", "n004567" if facts.variant == "f22" else "n000000"
        case _, "classification":
            return "857", "42"
        case _:
            return "0.573100", "-0.021400"
