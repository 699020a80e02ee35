"""Predictions made elsewhere: imported, measured, blended and submitted; what does not fit is one line."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kaggle_face as kf
from kaggle_face.artifacts.record_io import read_pair_scores, read_predictions
from kaggle_face.cli.main import main
from kaggle_face.progress import SilentProgress

IMPORT = ("import-predictions", "mate", "--task", "classification", "--oof", "oof.csv", "--test", "test.csv")
PAIRS = ("import-predictions", "mate", "--task", "verification", "--oof", "oof.csv", "--test", "test.csv")


def probabilities(labels: np.ndarray, count: int, strength: float = 2.0) -> np.ndarray:
    """The true class a little likelier than the others, with noise that follows from the row."""
    logits = np.random.default_rng(5).normal(size=(len(labels), count))
    logits[np.arange(len(labels)), labels] += strength
    exp = np.exp(logits)
    return exp / exp.sum(axis=1, keepdims=True)


class Teammate:
    """The ids of a project, and tables of predictions for them."""

    def __init__(self, project: Any) -> None:
        data, folds = project.data, project.folds
        self.project, self.names, self.rows = project, data.classes.names, data.test_rows
        label = dict(zip(data.faces.image_ids.tolist(), data.faces.labels.tolist(), strict=True))
        self.oof_ids = np.concatenate([folds.validation_ids(fold) for fold in range(folds.count)])
        self.folds = np.repeat(
            np.arange(folds.count), [len(folds.validation_ids(f)) for f in range(folds.count)]
        )
        self.labels = np.array([label[image] for image in self.oof_ids.tolist()])
        self.trials, self.test_pairs = folds.pairs, data.test_pairs

    def class_tables(self, oof: np.ndarray | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Out-of-fold and test predictions by image id, with columns named by class."""
        values = probabilities(self.labels, len(self.names)) if oof is None else oof
        test = probabilities(np.arange(len(self.rows)) % len(self.names), len(self.names))
        tables = (
            pd.DataFrame(values, columns=self.names.tolist()),
            pd.DataFrame(test, columns=self.names.tolist()),
        )
        for table, ids in zip(tables, (self.oof_ids, self.rows.image_ids), strict=True):
            table.insert(0, "image", ids)
        return tables

    def pair_tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Scores of the trials of all folds and of the test pairs, by pair id."""
        pairs = {
            pair: (label, fold)
            for fold, trials in enumerate(self.trials)
            for pair, label in zip(trials.pair_ids.tolist(), trials.labels.tolist(), strict=True)
        }
        noise = np.random.default_rng(6).normal(size=len(pairs))
        scores = np.array([label for label, _ in pairs.values()]) * 6 + noise
        test = np.random.default_rng(7).normal(size=len(self.test_pairs))
        return (
            pd.DataFrame({"pair": list(pairs), "score": scores}),
            pd.DataFrame({"pair": self.test_pairs.pair_ids, "score": test}),
        )


@pytest.fixture
def mate(after: Callable[[str], Any]) -> Teammate:
    after("predict")
    return Teammate(kf.open_project("tiny", progress=SilentProgress()))


def write(oof: pd.DataFrame, test: pd.DataFrame) -> None:
    oof.to_csv("oof.csv", index=False)
    test.to_csv("test.csv", index=False)


def test_a_blend_with_an_imported_member_beats_both(
    mate: Teammate, capsys: pytest.CaptureFixture[str]
) -> None:
    own = mate.project.run("main").out_of_fold("classification")
    is_right = dict(zip(own.image_ids.tolist(), own.probabilities.argmax(axis=1) == own.labels, strict=True))
    strength = np.array([0.0 if is_right.get(image, False) else 12.0 for image in mate.oof_ids.tolist()])
    values = np.full((len(strength), len(mate.names)), 1e-3)
    values[np.arange(len(strength)), (mate.labels + 1) % len(mate.names)] = 1.001e-3
    values[np.arange(len(strength)), mate.labels] += strength
    write(*mate.class_tables(values / values.sum(axis=1, keepdims=True)))
    assert main(IMPORT) == 0
    printed = capsys.readouterr().out
    assert "out of fold: accuracy" in printed and "correlation with tiny/main@best_cls: -0." in printed
    assert main(["ensemble", "--run", "main", "--run", "mate", "--folds", "0"]) == 0
    blend = mate.project.ensemble([mate.project.run("main"), mate.project.run("mate")], folds=[0])
    rows = {row.name: row for row in blend.result.table if row.task == "classification"}
    chosen = next(row for row in rows.values() if row.is_chosen)
    assert chosen.metrics["accuracy"] > rows["tiny/main@best_cls"].metrics["accuracy"]
    assert chosen.metrics["accuracy"] > rows["tiny/mate@best_cls"].metrics["accuracy"]
    assert main(["submit", "--dry-run", "--only-ensemble", "--run", "main"]) == 0
    ledger = pd.read_csv("submissions/ledger.csv", dtype=str)
    assert "tiny/mate" in " ".join(ledger["runs"])
    assert main(["runs"]) == 0
    assert "imported" in capsys.readouterr().out
    (member,) = mate.project.run("mate").members
    assert member.num_parameters is None
    assert main(["evaluate", "main", "mate", "--folds", "0"]) == 0
    assert main(["status", "--run", "mate"]) == 0


def test_scores_of_pairs_are_blended_and_submitted(
    mate: Teammate, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(*mate.pair_tables())
    assert main(PAIRS) == 0
    assert "out of fold: eer" in capsys.readouterr().out
    assert main(["ensemble", "--run", "main", "--run", "mate", "--folds", "0"]) == 0
    printed = capsys.readouterr().out
    assert "tiny/mate@best_ver" in printed and "tiny/main@best_ver" in printed
    assert main(["evaluate", "mate"]) == 0
    capsys.readouterr()
    assert main(["ensemble", "--run", "mate"]) == 0
    printed = capsys.readouterr()
    unknown = "blend: not known; tiny/mate@best_ver was imported without --parameters\n"
    assert f"parameters in all networks of the {unknown}" in printed.out and "parameters" not in printed.err
    line = refused("submit", "--dry-run", "--run", "mate")
    assert "tiny/mate was imported for verification and has nothing for classification; blend it" in line
    assert line.endswith(": kaggle-face submit --dry-run --task verification --run mate -c tiny")
    assert main(["submit", "--dry-run", "--task", "verification", "--run", "mate"]) == 0
    folder = Path("runs/tiny/mate/fold1/test/best_ver/pairs")
    test = pd.read_csv("test.csv")
    np.testing.assert_allclose(read_pair_scores(folder).scores, test["score"], rtol=1e-6)


def test_the_call_does_what_the_command_does(mate: Teammate) -> None:
    write(*mate.class_tables())
    assert main(IMPORT) == 0
    run = mate.project.import_member("other", task="classification", oof="oof.csv", test="test.csv")
    for part in ("oof", "test"):
        for fold in (0, 1):
            ours, theirs = (
                read_predictions(Path(f"runs/tiny/{name}/fold{fold}/{part}/best_cls/predictions"))
                for name in ("other", "mate")
            )
            assert (ours.image_ids == theirs.image_ids).all() and (ours.logits == theirs.logits).all()
    assert run.folds == [0, 1] and [member.checkpoint for member in run.members] == ["best_cls"]
    assert len(run.out_of_fold("classification").labels) == len(mate.oof_ids)


def test_every_spelling_gives_the_same_records(mate: Teammate) -> None:
    oof, test = mate.class_tables()
    write(oof, test)
    assert main(IMPORT) == 0
    folder = Path("runs/tiny/mate/fold0/oof/best_cls/predictions")
    before = read_predictions(folder)
    numbered = {name: f"prob_{number}" for number, name in enumerate(mate.names.tolist())}
    shuffled = oof.rename(columns=numbered)[["image", *sorted(numbered.values())]].sample(
        frac=1, random_state=0
    )
    shuffled.to_csv("oof.csv", sep=";")  # with the row numbers in a first column without a name
    assert main([*IMPORT, "--overwrite"]) == 0
    after = read_predictions(folder)
    assert (after.image_ids == before.image_ids).all() and (after.logits == before.logits).all()
    np.save("oof.npy", np.log(oof[mate.names.tolist()].to_numpy())[::-1])
    Path("oof.ids.txt").write_text("".join(f"{image}\n" for image in oof["image"][::-1]), encoding="utf-8")
    Path("oof.classes.txt").write_text("".join(f"{name}\n" for name in mate.names), encoding="utf-8")
    words = [word.replace("oof.csv", "oof.npy") for word in IMPORT]
    assert main([*words, "--overwrite", "--values", "logits"]) == 0
    found = read_predictions(folder)
    assert (found.image_ids == before.image_ids).all()
    spread = found.logits - found.logits[:, :1]
    np.testing.assert_allclose(spread, before.logits - before.logits[:, :1], atol=1e-4)


BAD: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "NaN": (lambda t: t.iloc[:, 1].where(t.index != 3), "missing or not a number (NaN), first: {id3}"),
    "infinite": (lambda t: t.iloc[:, 1].where(t.index != 3, np.inf), "infinite, first: {id3}"),
    "sum": (
        lambda t: t.iloc[:, 1] + (t.index == 3),
        "1 of 45 rows has probabilities beyond 0 and 1, first: {id3}",
    ),
    "text": (lambda t: t.iloc[:, 1].astype(object).where(t.index != 3, "much"), "much"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_number_is_one_line(mate: Teammate, refused: Callable[..., str], name: str) -> None:
    oof, test = mate.class_tables()
    spoil, message = BAD[name]
    oof[oof.columns[1]] = spoil(oof)
    write(oof, test)
    line = refused(*IMPORT, "--values", "probabilities")
    assert message.format(id3=oof["image"][3]) in line and "oof.csv" in line
    assert not Path("runs/tiny/mate").exists()


def test_ids_that_do_not_fit_are_one_line(mate: Teammate, refused: Callable[..., str]) -> None:
    oof, test = mate.class_tables()
    first, count = oof["image"][0], len(oof)
    write(pd.concat([oof, oof[:1]]), test)
    assert f"1 of {count} ids appears twice, first: {first}" in refused(*IMPORT)
    write(oof[1:], test)
    missing = f"1 of {count} ids of the images that the folds hold out is missing, first: {first}"
    assert missing in refused(*IMPORT)
    write(oof.assign(image=[f"{number}.png" for number in range(count)]), test)
    assert "is it of another competition?" in refused(*IMPORT)
    write(oof.replace({first: "elsewhere.jpg"}), test)
    assert f"1 of {count} ids is not among the images that the folds hold out" in refused(*IMPORT)
    write(oof, test[:-1])
    assert "of the test images is missing" in refused(*IMPORT)
    leaky = oof.assign(fold=1 - mate.folds)
    write(leaky, test)
    assert f"{count} of {count} rows are of another fold" in refused(*IMPORT)
    write(oof.assign(fold=mate.folds), test)
    assert main(IMPORT) == 0


def test_classes_that_do_not_fit_are_one_line(mate: Teammate, refused: Callable[..., str]) -> None:
    oof, test = mate.class_tables()
    names = mate.names.tolist()
    write(oof.drop(columns=names[1]), test)
    assert f"1 of {len(names)} classes has no column, first: '{names[1]}'" in refused(*IMPORT)
    write(oof.assign(nobody=0.0), test)
    assert "1 of 7 columns holds neither ids nor a class, first: 'nobody'" in refused(*IMPORT)
    write(oof.rename(columns={"image": names[0]}), test)
    assert f"the column '{names[0]}' appears twice" in refused(*IMPORT)
    logits = probabilities(mate.labels, len(names), strength=6.0)
    oof, test = mate.class_tables(np.log(logits))
    moved = dict(zip(names, [*names[1:], names[0]], strict=True))
    write(oof.rename(columns=moved), test.rename(columns=moved))
    assert "the classes of its columns are in another order" in refused(*IMPORT)


def test_scores_that_do_not_fit_are_one_line(mate: Teammate, refused: Callable[..., str]) -> None:
    oof, test = mate.pair_tables()
    write(oof.assign(score=-oof["score"]), test)
    assert "pairs of one person have the lower scores" in refused(*PAIRS)
    write(oof, test)
    assert "probabilities are not from 0 to 1" in refused(*PAIRS, "--values", "probabilities")
    assert "--classes is for classification" in refused(*PAIRS, "--classes", "name")
    couples = {
        "first": mate.test_pairs.second_ids,
        "second": mate.test_pairs.first_ids,
        "score": test["score"],
    }
    write(oof, pd.DataFrame(couples))
    assert main(PAIRS) == 0


def test_a_file_that_cannot_be_read_is_one_line(mate: Teammate, refused: Callable[..., str]) -> None:
    oof, test = mate.class_tables()
    write(oof, test)
    words = list(IMPORT)
    for name, message in {
        "gone.csv": "the file gone.csv does not exist",
        "oof.pkl": "predictions are read from .csv, .parquet, .npy",
        "pickled.npy": "pickled.npy cannot be read",
        "bare.npy": "bare.npy needs bare.ids.txt beside it",
        "ragged.csv": "line 3 has 2 cells",
    }.items():
        words[words.index("--oof") + 1] = name
        np.save("pickled.npy", np.array([{}]), allow_pickle=True)
        np.save("bare.npy", np.zeros((2, 3)))
        Path("ragged.csv").write_text("a,b,c\n1,2,3\n1,2\n", encoding="utf-8")
        assert message in refused(*words)
    Path("oof.parquet").write_bytes(b"PAR1")
    words[words.index("--oof") + 1] = "oof.parquet"
    assert "oof.parquet" in refused(*words)


def test_a_member_without_held_out_predictions_has_a_given_weight(
    mate: Teammate, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(*mate.class_tables())
    words = [*IMPORT[:4], *IMPORT[6:]]
    assert main(words) == 0
    assert "unmeasured" in capsys.readouterr().err
    both = ("ensemble", "--run", "main", "--run", "mate", "--folds", "0")
    assert "give it one: --weight mate=0.3" in refused(*both)
    for share in ("1.5", "1", "0", "nan"):
        line = refused(*both, "--weight", f"mate={share}")
        assert line == f"a weight is above 0 and below 1, got {share} for 'mate'"
    assert "'abc' is not a number above 0 and below 1" in refused(*both, "--weight", "mate=abc")
    assert "there is no run 'nobody'" in refused(*both, "--weight", "nobody=0.5")
    assert main([*both, "--weight", "mate=0.25"]) == 0
    printed = capsys.readouterr().out
    assert "tiny/mate@best_cls: weight 0.25 as given; it is unmeasured, and so is the blend" in printed
    assert " of the blend, and those of tiny/mate@best_cls, which are not known\n" in printed
    blended = read_predictions(Path("runs/tiny/main/ensemble/predictions"))
    members = [
        read_predictions(Path(f"runs/tiny/{name}/fold0/test/best_cls/predictions")).aligned_to(
            blended.image_ids
        )
        for name in ("main", "mate")
    ]
    shares = [np.exp(each.logits) / np.exp(each.logits).sum(axis=1, keepdims=True) for each in members]
    wanted = 0.75 * shares[0] + 0.25 * shares[1]
    np.testing.assert_allclose(np.exp(blended.logits), wanted, atol=1e-4)
    assert main(["submit", "--dry-run", "--only-ensemble", "--run", "main"]) == 0
    assert main(["import-predictions", "other", *IMPORT[2:]]) == 0
    missing = "tiny/mate@best_cls fold 0 has no out-of-fold predictions; it was imported without --oof\n"
    assert missing in "".join(capsys.readouterr())
    assert main([*IMPORT, "--overwrite"]) == 0
    assert "has out-of-fold predictions, by which its weight is found" in refused(
        *both, "--weight", "mate=0.2"
    )


def test_what_needs_weights_or_trains_refuses_an_imported_run(
    mate: Teammate, refused: Callable[..., str]
) -> None:
    write(*mate.class_tables())
    assert main(IMPORT) == 0
    for words in (
        ("predict", "--run", "mate"),
        ("soup", "--run", "mate", "--name", "s"),
        ("train", "--fold", "0", "--run", "mate", "--resume"),
        ("train", "--fold", "0", "--run", "mate", "--overwrite"),
        ("train", "--fold", "1", "--run", "new", "model.init_from=mate"),
    ):
        assert "tiny/mate was imported: it has predictions and no networks" in refused(*words)
    with pytest.raises(kf.RunError, match="was imported"):
        kf.load_embedder("runs/tiny/mate")
    assert "was imported before" in refused(*IMPORT)
    assert "is a run of its own" in refused("import-predictions", "main", *IMPORT[2:], "--overwrite")


def test_an_incomplete_run_names_the_import_again(mate: Teammate, refused: Callable[..., str]) -> None:
    write(*mate.class_tables())
    assert main(IMPORT) == 0
    shutil.rmtree("runs/tiny/mate/fold0/test/best_cls")
    line = refused("ensemble", "--run", "mate", "--folds", "0")
    assert "import-predictions mate --task classification --oof oof.csv --test test.csv" in line
    assert main(shlex.split(line[line.index("import-predictions") :])) == 0
    assert main(["ensemble", "--run", "mate"]) == 0
