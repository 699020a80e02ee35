"""Folds: every image measured once, no person in two places, and trials of people nobody trained on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from kaggle_face.artifacts.seals import SEAL_FILE, has_seal, write_seal
from kaggle_face.config.schema import FoldsConfig
from kaggle_face.data.folds import split as folds_module
from kaggle_face.data.folds.leaks import check_no_leak
from kaggle_face.data.folds.split import make_folds, name_of_folds, saved_folds
from kaggle_face.errors import DataError, RunError
from kaggle_face.records import CompetitionData, FaceTable, Folds, Pairs, no_pairs
from tests.support.images import make_competition

NO_TRIALS = FoldsConfig(count=5, heldout_identities=0.0, verification="identities")
TRIALS = FoldsConfig(count=5, heldout_identities=0.3, verification="identities", pairs_per_fold=40)


def labels_of(data: CompetitionData, ids: np.ndarray) -> np.ndarray:
    label = dict(zip(data.faces.image_ids.tolist(), data.faces.labels.tolist(), strict=True))
    return np.array([label[name] for name in ids.tolist()], np.int64)


def some_dev_pairs(names: list[str]) -> Pairs:
    ids = np.array([f"pair{number}" for number in range(len(names) // 2)])
    labels = np.arange(len(ids)) % 2
    return Pairs(ids, np.array(names[::2]), np.array(names[1::2]), labels)


OTHERS = [f"ver/{number}.jpg" for number in range(8)]


@pytest.mark.parametrize(("label", "shown"), [(1, r"one person \(label 1\)"), (0, r"two people \(label 0\)")])
def test_trials_of_one_kind_are_refused_where_pairs_are_to_be_submitted(
    label: int, shown: str, tmp_path: Path
) -> None:
    pairs = replace(some_dev_pairs(OTHERS), labels=np.full(4, label))
    classes_alone = make_competition([8] * 4, dev_pairs=pairs, others=OTHERS)
    data = replace(classes_alone, test_pairs=pairs)
    line = rf"4 of 4 labelled pairs show {shown}, first: pair0, .*set folds.verification=identities$"
    with pytest.raises(DataError, match=line):
        make_folds(data, FoldsConfig(count=4))
    with pytest.raises(DataError, match=line):
        saved_folds(tmp_path, data, FoldsConfig(count=4))
    identities = FoldsConfig(count=2, heldout_identities=0.3, verification="identities")
    assert make_folds(data, identities).count == 2
    assert make_folds(classes_alone, FoldsConfig(count=4)).count == 4


def test_every_image_is_measured_by_one_fold() -> None:
    folds = make_folds(make_competition([7, 9, 12]), NO_TRIALS)
    measured = Counter(name for fold in range(5) for name in folds.validation_ids(fold).tolist())
    assert measured == Counter(folds.image_ids.tolist())


def test_a_fold_trains_on_everything_that_it_does_not_measure() -> None:
    folds = make_folds(make_competition([7, 9, 12]), NO_TRIALS)
    for fold in range(5):
        together = np.concatenate([folds.training_ids(fold), folds.validation_ids(fold)])
        assert sorted(together.tolist()) == sorted(folds.image_ids.tolist())


@pytest.mark.parametrize("sizes", [[10] * 6, [2] * 23, [3, 4, 7, 11, 2, 2], [100, 2]])
def test_identities_and_folds_are_balanced_to_one_image(sizes: list[int]) -> None:
    data = make_competition(sizes)
    folds = make_folds(data, NO_TRIALS)
    totals = [len(folds.validation_ids(fold)) for fold in range(5)]
    assert max(totals) - min(totals) <= 1
    for label, size in enumerate(sizes):
        counts = [int((labels_of(data, folds.validation_ids(fold)) == label).sum()) for fold in range(5)]
        assert sum(counts) == size and max(counts) - min(counts) <= 1


def test_an_only_image_is_always_trained_on_and_never_measured() -> None:
    folds = make_folds(make_competition([6, 1, 1]), NO_TRIALS)
    only = ["train/001/000.jpg", "train/002/000.jpg"]
    for fold in range(5):
        assert set(only) <= set(folds.training_ids(fold).tolist())
    measured = [set(folds.validation_ids(fold).tolist()) for fold in range(5)]
    assert set.union(*measured).isdisjoint(only)
    assert sum(map(len, measured)) == 6


def test_folds_do_not_depend_on_the_order_of_rows() -> None:
    data = make_competition([8] * 12)
    shuffled = np.random.default_rng(0).permutation(len(data.faces))
    columns = (data.faces.image_ids, data.faces.labels, data.faces.splits)
    other = replace(data, faces=FaceTable(*(column[shuffled] for column in columns)))
    one, two = make_folds(data, TRIALS), make_folds(other, TRIALS)
    assert one.name == two.name and (one.image_ids == two.image_ids).all()
    assert (one.fold_of_image == two.fold_of_image).all() and (one.heldout_fold == two.heldout_fold).all()
    for first, second in zip(one.pairs, two.pairs, strict=True):
        assert (first.first_ids == second.first_ids).all() and (first.second_ids == second.second_ids).all()


def test_another_seed_makes_other_folds_of_another_name() -> None:
    data = make_competition([8] * 12)
    one, two = make_folds(data, TRIALS), make_folds(data, TRIALS.model_copy(update={"seed": 1}))
    assert one.name != two.name
    assert (one.fold_of_image != two.fold_of_image).any() and (one.heldout_fold != two.heldout_fold).any()


def test_pooling_spreads_train_and_dev_together() -> None:
    data = make_competition([4, 4], dev_sizes=[1, 1])
    folds = make_folds(data, NO_TRIALS)
    assert sorted(folds.fold_of_image.tolist()) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


# ---- the dev split held out -------------------------------------------------------------------------------
HOLDOUT = FoldsConfig(dev="holdout", heldout_identities=0.0, verification="identities")


def test_the_dev_split_is_the_only_fold() -> None:
    folds = make_folds(make_competition([4, 4], dev_sizes=[2, 1]), HOLDOUT)
    assert folds.count == 1
    assert all(name.startswith("dev/") for name in folds.validation_ids(0).tolist())
    assert all(name.startswith("train/") for name in folds.training_ids(0).tolist())
    assert (len(folds.training_ids(0)), len(folds.validation_ids(0))) == (8, 3)


def test_dev_images_of_somebody_who_is_not_in_train_are_neither_trained_on_nor_measured() -> None:
    folds = make_folds(make_competition([4, 4], dev_sizes=[2, 1, 3]), HOLDOUT)
    assert (len(folds.training_ids(0)), len(folds.validation_ids(0))) == (8, 3)


def test_without_a_dev_split_it_cannot_be_held_out() -> None:
    with pytest.raises(DataError, match=r"needs labelled dev images, .* set folds.dev=pool"):
        make_folds(make_competition([4, 4]), HOLDOUT)


def test_people_of_the_trials_are_held_out_beside_the_dev_split() -> None:
    config = FoldsConfig(dev="holdout", heldout_identities=0.5, verification="identities")
    data = make_competition([4] * 8, dev_sizes=[2] * 8)
    folds = make_folds(data, config)
    strangers = set(labels_of(data, folds.pairs[0].image_ids).tolist())
    assert len(strangers) == 4
    for ids in (folds.training_ids(0), folds.validation_ids(0)):
        assert not strangers & set(labels_of(data, ids).tolist())


# ---- trials among held-out identities ---------------------------------------------------------------------
def test_no_person_of_a_folds_trials_is_in_its_training_set() -> None:
    data = make_competition([6] * 40)
    folds = make_folds(data, TRIALS)
    for fold in range(5):
        strangers = set(labels_of(data, folds.pairs[fold].image_ids).tolist())
        assert strangers and not strangers & set(labels_of(data, folds.training_ids(fold)).tolist())


def test_the_people_held_out_by_different_folds_are_different() -> None:
    data = make_competition([6] * 40)
    folds = make_folds(data, TRIALS)
    groups = [set(labels_of(data, folds.image_ids[folds.heldout_fold == fold]).tolist()) for fold in range(5)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 12  # 0.3 of 40


def test_held_out_people_are_measured_by_the_other_folds() -> None:
    folds = make_folds(make_competition([8] * 40), TRIALS)
    for group in range(5):
        rows = folds.heldout_fold == group
        assert set(folds.fold_of_image[rows].tolist()) == set(range(5)) - {group}


def test_trials_are_half_same_and_their_labels_are_true() -> None:
    data = make_competition([6] * 40)
    for pairs in make_folds(data, TRIALS).pairs:
        same = labels_of(data, pairs.first_ids) == labels_of(data, pairs.second_ids)
        assert (same == (pairs.labels == 1)).all()
        assert len(pairs) == 40 and same.sum() == 20


def test_with_two_folds_a_held_out_person_is_still_known_to_the_fold_that_measures_him() -> None:
    data = make_competition([4] * 10)
    folds = make_folds(data, FoldsConfig(count=2, heldout_identities=0.5, verification="identities"))
    for fold in range(2):
        known = set(labels_of(data, folds.training_ids(fold)).tolist())
        assert set(labels_of(data, folds.validation_ids(fold)).tolist()) <= known


def test_people_of_two_images_can_be_held_out_and_those_of_one_cannot() -> None:
    data = make_competition([2] * 15 + [1] * 25)
    folds = make_folds(data, TRIALS)  # 0.3 of 40 people
    held_out = Counter(labels_of(data, folds.image_ids[folds.heldout_fold >= 0]).tolist())
    assert len(held_out) == 12 and set(held_out.values()) == {2}


def test_a_fold_trains_on_at_least_two_people() -> None:
    config = FoldsConfig(count=2, heldout_identities=1.0, verification="identities")
    make_folds(make_competition([2] * 4), config)
    with pytest.raises(DataError, match="2 folds cannot hold out 1 of 3 identities"):
        make_folds(make_competition([2] * 3), config)


def test_too_few_people_for_trials_are_an_error() -> None:
    with pytest.raises(DataError, match=r"5 folds cannot hold out 0.3 of 6 identities, 6 of them with two"):
        make_folds(make_competition([4] * 6), TRIALS)


def test_no_labelled_images_are_an_error() -> None:
    with pytest.raises(DataError, match="no labelled images"):
        make_folds(make_competition([0, 0], others=OTHERS), NO_TRIALS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=some.lists(some.integers(1, 9), min_size=30, max_size=60),
    count=some.integers(2, 6),
    seed=some.integers(0, 1000),
    share=some.sampled_from([0.0, 0.2, 0.5]),
)
def test_whatever_the_sizes_a_fold_knows_whom_it_measures_and_not_whom_it_verifies(
    sizes: list[int], count: int, seed: int, share: float
) -> None:
    data = make_competition([*sizes, *[2] * 12])
    config = FoldsConfig(
        count=count, seed=seed, heldout_identities=share, verification="identities", pairs_per_fold=10
    )
    folds = make_folds(data, config)
    for fold in range(count):
        trained = labels_of(data, folds.training_ids(fold))
        assert not set(folds.training_ids(fold).tolist()) & set(folds.validation_ids(fold).tolist())
        assert set(labels_of(data, folds.validation_ids(fold)).tolist()) <= set(trained.tolist())
        assert not set(labels_of(data, folds.pairs[fold].image_ids).tolist()) & set(trained.tolist())


# ---- the competition's own pairs --------------------------------------------------------------------------
def test_labelled_dev_pairs_are_the_trials_of_every_fold() -> None:
    data = make_competition([4] * 6, dev_pairs=some_dev_pairs(OTHERS), others=OTHERS)
    folds = make_folds(data, FoldsConfig(count=3))
    assert [pairs.pair_ids.tolist() for pairs in folds.pairs] == [data.dev_pairs.pair_ids.tolist()] * 3
    assert (folds.heldout_fold == -1).all()


def test_without_labelled_dev_pairs_auto_holds_out_identities() -> None:
    folds = make_folds(make_competition([4] * 40), FoldsConfig(count=3))
    assert (folds.heldout_fold >= 0).any() and all(len(pairs) for pairs in folds.pairs)


def test_dev_pairs_that_are_asked_for_must_be_there() -> None:
    with pytest.raises(DataError, match=r"needs labelled dev pairs, .* set folds.verification=identities"):
        make_folds(make_competition([4] * 6), FoldsConfig(verification="dev_pairs"))


def test_dev_pairs_of_people_who_are_trained_on_are_refused() -> None:
    pairs = some_dev_pairs(["dev/000/000.jpg", *OTHERS[:3]])
    data = make_competition([4] * 6, dev_sizes=[1], dev_pairs=pairs, others=OTHERS)
    with pytest.raises(DataError, match=r"trial images of fold .*; set folds.verification=identities"):
        make_folds(data, FoldsConfig(count=3))


# ---- near-duplicates --------------------------------------------------------------------------------------
def test_near_duplicates_stay_in_one_fold() -> None:
    data = make_competition([10] * 8)
    groups = np.arange(80) // 2  # two by two
    folds = make_folds(data, NO_TRIALS, groups)
    assert (folds.fold_of_image[::2] == folds.fold_of_image[1::2]).all()
    sizes = Counter(folds.fold_of_image.tolist())
    assert sizes == {0: 16, 1: 16, 2: 16, 3: 16, 4: 16}


def test_folds_by_groups_have_another_name_that_does_not_depend_on_the_order_of_rows() -> None:
    data = make_competition([10] * 8)
    groups = np.arange(80) // 2
    columns = (data.faces.image_ids, data.faces.labels, data.faces.splits)
    other = replace(data, faces=FaceTable(*(column[::-1] for column in columns)))
    name = name_of_folds(data, NO_TRIALS, groups)
    assert name == name_of_folds(other, NO_TRIALS, 1000 - groups[::-1])
    assert (
        len({name, name_of_folds(data, NO_TRIALS), name_of_folds(data, NO_TRIALS, np.arange(80) // 5)}) == 3
    )


def test_somebody_whose_images_are_all_near_duplicates_is_not_measured() -> None:
    folds = make_folds(make_competition([3, 6]), NO_TRIALS, np.array([0, 0, 0, 1, 2, 3, 4, 5, 6]))
    assert folds.fold_of_image[:3].tolist() == [-1, -1, -1] and (folds.fold_of_image[3:] >= 0).all()


# ---- on disk ----------------------------------------------------------------------------------------------
def test_saved_folds_are_read_and_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_competition([6] * 40)
    made = saved_folds(tmp_path, data, TRIALS)
    monkeypatch.setattr(folds_module, "make_folds", None)
    read = saved_folds(tmp_path, data, TRIALS)
    assert made.name == read.name == name_of_folds(data, TRIALS)
    for column in ("image_ids", "fold_of_image", "heldout_fold"):
        assert (getattr(made, column) == getattr(read, column)).all()
    assert [pairs.first_ids.tolist() for pairs in made.pairs] == [p.first_ids.tolist() for p in read.pairs]
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_folds_without_trials_are_saved_too(tmp_path: Path) -> None:
    data = make_competition([6] * 5)
    saved_folds(tmp_path, data, NO_TRIALS)
    assert [len(pairs) for pairs in saved_folds(tmp_path, data, NO_TRIALS).pairs] == [0] * 5


def test_another_image_or_another_person_makes_folds_of_another_name() -> None:
    data = make_competition([6, 6, 6])
    relabelled = data.faces.labels.copy()
    relabelled[0] = 1
    others = [make_competition([6, 6, 7]), replace(data, faces=replace(data.faces, labels=relabelled))]
    names = {name_of_folds(some_data, NO_TRIALS) for some_data in (data, *others)}
    assert len(names) == 3


def test_saved_folds_that_were_edited_into_a_leak_are_refused(tmp_path: Path) -> None:
    data = make_competition([6] * 40)
    folds = saved_folds(tmp_path, data, TRIALS)
    table = tmp_path / folds.name / "images.csv"
    row = int(np.flatnonzero(folds.heldout_fold == 2)[0])
    lines = table.read_text().splitlines()
    lines[row + 1] = lines[row + 1].rsplit(",", 1)[0] + ",-1"
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=r"images\.csv is damaged"):
        saved_folds(tmp_path, data, TRIALS)
    write_seal(table.parent, {})  # whoever edits them knowingly
    with pytest.raises(DataError, match="trial images of fold 2 "):
        saved_folds(tmp_path, data, TRIALS)


def test_folds_of_an_earlier_version_are_written_again(tmp_path: Path) -> None:
    data = make_competition([6] * 40)
    folds = saved_folds(tmp_path, data, TRIALS)
    (tmp_path / folds.name / SEAL_FILE).unlink()
    assert np.array_equal(saved_folds(tmp_path, data, TRIALS).fold_of_image, folds.fold_of_image)
    assert has_seal(tmp_path / folds.name)


# ---- the check itself -------------------------------------------------------------------------------------
def test_the_check_finds_a_trial_image_that_is_trained_on() -> None:
    data = make_competition([2, 2], others=OTHERS)
    names = data.faces.image_ids[:4]
    leaky = Folds("x", names, np.zeros(4, np.int64), np.full(4, -1), (some_dev_pairs([*OTHERS[:2]]),) * 2)
    check_no_leak(leaky, data)
    pairs = some_dev_pairs([str(names[0]), OTHERS[0]])
    with pytest.raises(
        DataError, match=r"^1 of 2 trial images of fold 1 is trained on, first: train/000/000"
    ):
        check_no_leak(replace(leaky, pairs=(some_dev_pairs(OTHERS[:2]), pairs)), data)


def test_the_check_finds_a_trial_image_of_somebody_who_is_trained_on() -> None:
    data = make_competition([2, 2], others=OTHERS)
    names = data.faces.image_ids[1:4]  # the first image of the first person is not in the folds
    pairs = some_dev_pairs([str(data.faces.image_ids[0]), OTHERS[0]])
    leaky = Folds("x", names, np.full(3, -1), np.full(3, -1), (pairs,))
    with pytest.raises(DataError, match=r"^1 of 2 trial images of fold 0 shows people that it trains on"):
        check_no_leak(leaky, data)


def test_the_check_finds_a_labelled_test_image_that_is_trained_on() -> None:
    data = make_competition([2, 2])
    splits = data.faces.splits.copy()
    splits[3] = "test"  # no row of a submission names it
    data = replace(data, faces=replace(data.faces, splits=splits))
    leaky = Folds("x", data.faces.image_ids, np.full(4, -1), np.full(4, -1), (no_pairs(),))
    with pytest.raises(DataError, match=r"^1 of 1 test image is trained on in fold 0, first: "):
        check_no_leak(leaky, data)
