"""The ladder of recipes: every rung is settings for any competition, with its work, source and figures."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from kaggle_face.config import load_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.yaml_text import read_yaml
from kaggle_face.errors import ConfigError
from kaggle_face.pipeline.budget.ladder import NOT_MEASURED, read_ladder, read_rung, rungs_for

FOLDER = packaged_configs() / "recipes"
LADDER = read_ladder([FOLDER])
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SMALL = [rung for rung in LADDER if rung.mflops < 100 and rung.purpose == "both"]
HEAD = (
    "# A recipe.\n# task: both\n# pictures: large\n# images: 100\n# networks: 1\n# mflops: 5\n"
    "# measured: not measured\n# source: a paper\n"
)


def test_the_ladder_holds_every_file_and_rises() -> None:
    assert [rung.name for rung in LADDER] == NAMES and len(NAMES) > 20
    for purpose in ("accuracy", "verification", "both"):
        rungs = rungs_for(LADDER, purpose, 112)  # type: ignore[arg-type]
        assert all(below.work <= above.work for below, above in itertools.pairwise(rungs))


@pytest.mark.parametrize("name", NAMES)
def test_a_rung_changes_nothing_of_a_competition(name: str) -> None:
    values, path = read_yaml(FOLDER / f"{name}.yaml"), FOLDER / f"{name}.yaml"
    assert isinstance(values, dict)
    allowed = {
        "extends",
        "data",
        "augment",
        "model",
        "margin",
        "loss",
        "optim",
        "sampler",
        "schedule",
        "train",
    }
    assert values.keys() <= allowed and set(values.get("data", {})) <= {"image_size"}
    parents = {values["extends"]}
    while (parent := next(iter(parents))) != "base":
        parents = {read_yaml(FOLDER / f"{parent}.yaml")["extends"]}
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_a_rung_assumes_nothing_that_a_machine_may_lack(name: str) -> None:
    config = load_config(str(FOLDER / f"{name}.yaml")).config
    assert config.train.amp == config.train.threads == config.device == "auto"
    assert not config.model.pretrained and config.model.weights is None and config.train.compile is False
    assert config.train.measure_every_epochs == config.train.epochs, "time is not spent on measuring"


def test_figures_are_those_of_docs_or_not_measured() -> None:
    text = (packaged_configs().parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = text.splitlines()
    measured = {rung.name: rung for rung in LADDER if rung.is_measured}
    # Accuracy and EER of the rows of docs/recipes.md that each names.
    rows = {
        "cpu-2-both": ("12", "12b"),
        "cpu-3-both": ("15b",),
        "cpu-4-both": ("15",),
        "cpu-8-both": ("16", "16b"),
        "cpu-8-accuracy": ("21",),
        "cpu-120-both": ("22",),
        "cpu-8-verification": ("23",),
        "cpu-16-both": ("24b",),
        "cpu-32-both": ("25",),
    }
    assert set(measured) == set(rows)
    for name, numbers in rows.items():
        cells = [line.split("|") for number in numbers for line in table if line.startswith(f"| {number} |")]
        ends = [
            sorted({f"{100 * float(row[column]):.1f}" for row in cells}, key=float) for column in (-3, -2)
        ]
        accuracy, eer = (" to ".join(dict.fromkeys((values[0], values[-1]))) for values in ends)
        assert measured[name].measured.startswith(f"accuracy {accuracy} %, LFW EER {eer} %, "), name
        images = [float(row[-4].replace(",", "")) / measured[name].networks for row in cells]
        assert measured[name].seen == pytest.approx(sum(images) / len(images), abs=1_000), name
        assert len(cells) == len(numbers) and all(number in measured[name].source for number in numbers)
    assert all(rung.measured == NOT_MEASURED for rung in LADDER if rung.name.startswith("gpu-"))


@pytest.mark.parametrize("side_px", [32, 112])
@pytest.mark.parametrize("purpose", ["accuracy", "verification", "both"])
def test_there_are_rungs_for_each_purpose_and_size(purpose: str, side_px: int) -> None:
    found = rungs_for(LADDER, purpose, side_px)  # type: ignore[arg-type]
    assert len(found) >= 3 and all(rung.purpose in (purpose, "both") for rung in found)
    assert {rung.pictures for rung in found} == {"small" if side_px == 32 else "large"}


def test_a_rung_of_its_own_takes_the_place_of_the_mixed_one() -> None:
    names = [rung.name for rung in rungs_for(LADDER, "accuracy", 112)]
    assert "cpu-8-accuracy" in names and "cpu-8-both" not in names
    assert "cpu-4-both" in names, "it has none of its own for accuracy"
    assert not [name for name in names if name.endswith("-verification")]
    of_pairs = [rung.name for rung in rungs_for(LADDER, "verification", 112)]
    assert {"cpu-2-verification", "cpu-8-verification"} <= set(of_pairs)
    assert not {"cpu-2-both", "cpu-8-both", "cpu-8-accuracy"} & set(of_pairs)
    assert "cpu-16-both" in of_pairs, "it has none of its own for pairs"


def test_own_architectures_are_offered_where_others_are_forbidden() -> None:
    names = {rung.name for rung in rungs_for(LADDER, "both", 112)}
    more = {rung.name for rung in rungs_for(LADDER, "both", 112, forbids_imported=True)}
    assert more - names == {"cpu-10-own-both", "cpu-60-own-both"}


def test_own_architectures_are_offered_for_small_pictures_too() -> None:
    from kaggle_face.competitions.catalogue.known import competition_spec
    from kaggle_face.competitions.catalogue.rules import broken_rules

    rules = competition_spec("hw-2-p-2-fall-2026-student-competition").rules
    for side_px in (32, 64, 65):
        rungs = rungs_for(LADDER, "both", side_px, forbids_imported=True)
        kept = [rung.name for rung in rungs if not broken_rules(rules, rung.config)]
        assert kept[:2] == ["cpu-10-own-both", "cpu-60-own-both"]


def test_work_is_images_times_pixels_times_operations_of_all_networks() -> None:
    rung = next(rung for rung in LADDER if rung.name == "cpu-8-both")  # 112 pixels throughout
    assert rung.pixels_share == 1.0 and rung.config.data.image_size == 112
    assert rung.work == 110_000 * rung.mflops
    grown = read_rung(Path(__file__).parent / "rungs" / "grown.yaml")
    # 9 epochs, from 72 pixels to 96 over the first six in steps of 8: 72, 72 or 80, ... by image_size_at.
    sizes = [72, 80, 80, 88, 88, 96, 96, 96, 96]
    assert grown.pixels_share == pytest.approx(sum((px / 96) ** 2 for px in sizes) / 9, abs=0.03)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD.replace("# images: 100\n", ""), "'# images: ...' is missing"),
        (HEAD.replace("both", "all"), "'# task:' is one of accuracy, verification, both, got 'all'"),
        (HEAD.replace("100", "many"), "'# images:' is a number above 0, got 'many'"),
        (HEAD + "# seen: 0\n", "'# seen:' is a number above 0, got '0'"),
        (HEAD.replace("networks: 1", "networks: 0"), "'# networks:' is a number above 0, got '0'"),
    ],
)
def test_a_file_that_is_no_rung_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.yaml").write_text(text + "extends: base\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_rung(tmp_path / "r.yaml")


def test_what_a_recipe_was_measured_with_is_its_images_where_it_does_not_say(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(HEAD + "extends: base\n", encoding="utf-8")
    assert read_rung(file).seen == 100
    file.write_text(HEAD + "# seen: 160\nextends: base\n", encoding="utf-8")
    assert (read_rung(file).images, read_rung(file).seen) == (100, 160)


def test_a_recipe_that_names_folds_is_one_of_before(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(HEAD.replace("networks: 1", "folds: 3") + "extends: base\n", "utf-8")
    assert read_rung(tmp_path / "r.yaml").networks == 3


def test_a_recipe_of_the_working_directory_takes_the_place_of_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "recipes").mkdir(parents=True)
    (tmp_path / "configs" / "recipes" / "cpu-4-both.yaml").write_text(
        HEAD + "extends: base\n", encoding="utf-8"
    )
    rung = next(rung for rung in read_ladder() if rung.name == "cpu-4-both")
    assert (rung.images, rung.source) == (100, "a paper") and len(read_ladder()) == len(LADDER)


def test_a_folder_without_recipes_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there are no recipes in"):
        read_ladder([tmp_path])


def train_one_step(name: str) -> float:
    """The loss of one step of a rung's network on random images."""
    import torch

    from kaggle_face.model.network import create_network
    from kaggle_face.train.optim.optimizer import create_fold_optimizer

    config = load_config(str(FOLDER / f"{name}.yaml")).config
    counts = torch.full((7,), 9.0)
    network = create_network(config.model, config.margin, 7, config.data.image_size, counts)
    images = torch.randint(0, 255, (4, config.data.image_size, config.data.image_size, 3), dtype=torch.uint8)
    optimizer = create_fold_optimizer(network, config.optim)
    embeddings = network(network.normalize(images))
    labels = torch.arange(4)
    classes = network.head.choose_classes(labels[None], torch.Generator().manual_seed(0))
    similarity = network.head.similarity(embeddings, classes)
    norms = embeddings.detach().norm(dim=1)
    loss = torch.nn.functional.cross_entropy(
        network.head.margin_logits(similarity, labels, norms, classes), classes.positions(labels)
    )
    loss.backward()
    optimizer.step()
    return float(loss.detach())


@pytest.mark.parametrize("name", [rung.name for rung in SMALL])
def test_a_small_rung_takes_a_step(name: str) -> None:
    assert 0.0 < train_one_step(name) < 100.0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_rung_builds_takes_a_step_and_states_its_operations(name: str) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from kaggle_face.model.network import create_network

    assert 0.0 < train_one_step(name) < 100.0
    rung = next(rung for rung in LADDER if rung.name == name)
    size_px = rung.config.data.image_size
    network = create_network(rung.config.model, rung.config.margin, 7, size_px).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size_px, size_px))
    assert rung.mflops == pytest.approx(counter.get_total_flops() / 1e6, rel=0.02)
