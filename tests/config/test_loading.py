"""Settings are read strictly, and every mistake is one line that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from kaggle_face.config import Config, dump_config, load_config, parse_config, with_overrides
from kaggle_face.config.loading import packaged_configs
from kaggle_face.errors import ConfigError


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    return tmp_path / "configs"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.learning_rat=1", "unknown key 'optim.learning_rat'; known here: name, lr"),
        ("schedule.warm_epochs=1", "unknown key 'schedule.warm_epochs'; did you mean 'warmup_epochs'"),
        ("backbone=resnet18", "unknown key 'backbone'; did you mean 'model.backbone'?"),
        ("name=adamw", "unknown key 'name'; did you mean 'optim.name' or 'schedule.name' or 'sampler.name'?"),
        ("optin.lr=1", "unknown key 'optin'; did you mean 'optim'"),
        ("optim.lr=-1", "optim.lr must be > 0, got -1"),
        ("optim.lr=fast", "optim.lr must be a number, got 'fast'"),
        ("train.epochs=1.5", "train.epochs must be a whole number, got 1.5"),
        ("model.head=arc", "got 'arc'; did you mean 'arcface'?"),
        ("optim=3", "optim must be a part with 'key: value' lines, got 3"),
        ("margin.by_class_size.scal=1", "unknown key 'margin.by_class_size.scal'; did you mean 'scale'?"),
        ("optim.lr", "an override is written key=value, such as optim.lr=0.1; got 'optim.lr'"),
        ("optim.lr=[", "the value of optim.lr: line 1"),
        ("optim.options={? [a] : 2}", "the value of optim.options: line 1: a key must be text"),
        ("optim.options=&a {deeper: *a}", "found unconstructable recursive node"),
        ("optim={1: 2}", "unknown key 'optim.1'; known here: name, lr"),
        ("device=tpu", "device must match pattern '^(auto|cpu|cuda"),
        ("optim.lr=1e999", "the value of optim.lr: line 1: the number 1e999 is too large"),
        ("optim.options={eps: 1e999}", "the value of optim.options: line 1: the number 1e999 is too large"),
        ("optim.lr=" + "9" * 5000, "the value of optim.lr: line 1: a number of 5,000 digits"),
        ("optim.lr=!!int abc", "the value of optim.lr: line 1: 'abc' is not written as !!int"),
        ("optim.lr=" + "[" * 5000, "the value of optim.lr: line 1: more than 40 levels"),
        (".".join("a" * 5000) + "=1", "has 5000 levels; settings have at most 40"),
        ("folds.seed=-1", "folds.seed must be >= 0, got -1"),
        ("train.epochs=10000000000000000000000", "train.epochs must be <= 1e+09, got 1000000000000"),
        ("schedule.warmup_epochs=1e300", "schedule.warmup_epochs must be <= 1e+06, got 1e+300"),
        ("optim.betas=[0.9, 1.5]", "optim.betas.1 must be < 1, got 1.5"),
        ("model.backbone=[" + "a, " * 500 + "a]", "model.backbone must be text, got ['a', 'a'"),
    ],
)
def test_a_wrong_override_is_one_line(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("base", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_of_the_settings_is_finite(value: float) -> None:
    def numbers(part: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel], str]]:
        for name, field in part.model_fields.items():
            inner = field.default
            if isinstance(inner, BaseModel):
                yield from numbers(type(inner), f"{path}{name}.")
            elif isinstance(inner, float):
                yield f"{path}{name}", part, name

    found = list(numbers(Config, ""))
    assert len(found) > 40
    for path, part, name in found:
        with pytest.raises(ValidationError):
            part.model_validate({name: value})
        assert path


def test_an_error_escapes_what_it_quotes(configs: Path) -> None:
    (configs / "odd.yaml").write_text('"a\u202eb": 1\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config("odd")
    assert "unknown key 'a\\u202eb'" in str(caught.value)


def test_cutmix_and_mixup_cannot_both_be_likely() -> None:
    words = ["augment.cutmix.probability=0.7", "augment.mixup.probability=0.5"]
    with pytest.raises(ConfigError, match=r"augment\.cutmix\.probability \+ .* must be <= 1, got 1\.2"):
        load_config("base", words)


def test_overrides_win_over_the_file_and_the_file_over_its_parent(configs: Path) -> None:
    (configs / "mine.yaml").write_text("extends: base\noptim: {lr: 0.3, momentum: 0.8}\n")
    config = load_config("mine", ["optim.lr=1e-3"]).config
    assert (config.optim.lr, config.optim.momentum, config.optim.weight_decay) == (0.001, 0.8, 5e-4)


def test_a_mapping_of_free_keys_is_replaced_as_a_whole(configs: Path) -> None:
    (configs / "wide.yaml").write_text("extends: base\nmodel: {backbone_options: {width: 8, depth: 1}}\n")
    (configs / "deep.yaml").write_text("extends: wide\nmodel: {backbone_options: {depth: 2}}\n")
    assert load_config("deep").config.model.backbone_options == {"depth": 2}
    assert load_config("wide", ["model.backbone_options={}"]).config.model.backbone_options == {}


def test_an_override_that_names_a_free_key_leaves_the_others(configs: Path) -> None:
    (configs / "wide.yaml").write_text("extends: base\nmodel: {backbone_options: {width: 8, depth: 1}}\n")
    config = load_config("wide", ["model.backbone_options.depth=2"]).config
    assert config.model.backbone_options == {"width": 8, "depth": 2}


def test_a_start_from_another_run_needs_no_part() -> None:
    assert load_config("base", ["init_from=main"]).config.model.init_from == "main"


def test_a_part_given_as_a_whole_keeps_the_keys_it_does_not_name() -> None:
    assert load_config("base", ["optim={lr: 0.5}"]).config.optim.momentum == 0.9


def test_a_file_in_the_working_directory_wins_over_the_package(configs: Path) -> None:
    (configs / "demo.yaml").write_text("seed: 7\n")
    assert load_config("demo").config.seed == 7


def test_the_error_names_the_file_that_holds_the_mistake(configs: Path) -> None:
    (configs / "parent.yaml").write_text("train: {epocks: 3}\n")
    (configs / "child.yaml").write_text("extends: parent\n")
    with pytest.raises(ConfigError, match=r"parent.yaml: unknown key 'train.epocks'; did you mean 'epochs'"):
        load_config("child")


def test_a_name_that_no_disk_takes_is_refused_in_one_line(configs: Path) -> None:
    (configs / "long.yaml").write_text(f"extends: {'a' * 300}\n")
    for name in ("a" * 300, f"{'a' * 300}.yaml", "long"):
        with pytest.raises(ConfigError, match="cannot be read: File name too long"):
            load_config(name)


def test_extends_in_a_circle_is_refused(configs: Path) -> None:
    (configs / "one.yaml").write_text("extends: two\n")
    (configs / "two.yaml").write_text("extends: one\n")
    with pytest.raises(ConfigError, match=r"runs in a circle: one\.yaml -> two\.yaml -> one\.yaml"):
        load_config("one")


def test_an_unknown_name_offers_the_nearest(configs: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'base'"):
        load_config("bas")


def test_a_key_that_stands_twice_is_refused(configs: Path) -> None:
    (configs / "twice.yaml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(ConfigError, match="line 2: the key 'seed' appears twice"):
        load_config("twice")


def test_dumped_settings_read_back_equal() -> None:
    config = load_config("base", ["optim.betas=[0.9, 0.98]", "schedule.step_epochs=[3, 6]"]).config
    assert parse_config(dump_config(config), "text") == config


@pytest.mark.parametrize("path", sorted(packaged_configs().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_packaged_file_is_valid(path: Path) -> None:
    assert isinstance(load_config(str(path)).config, Config)


def test_plateau_needs_every_epoch_measured() -> None:
    with pytest.raises(ConfigError, match=r"schedule\.name=plateau looks at every epoch"):
        load_config("base", ["schedule.name=plateau", "train.measure_every_epochs=2"])


def test_settings_are_named_by_the_word_that_leads_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("configs", "mine"):
        (tmp_path / folder).mkdir()
    for path in ("configs/faces.yaml", "mine/faces.yaml", "mine/alone.yaml"):
        Path(path).write_text("seed: 1\n")
    words = {
        word: load_config(word).word for word in ("faces", "configs/faces.yaml", "mine/faces.yaml", "demo")
    }
    assert words == {
        "faces": "faces",
        "configs/faces.yaml": "faces",
        "mine/faces.yaml": "mine/faces.yaml",
        "demo": "demo",
    }
    assert load_config("mine/alone.yaml").word == "mine/alone.yaml"


def test_overrides_apply_to_settings_as_they_do_to_a_file(configs: Path) -> None:
    (configs / "mine.yaml").write_text("extends: demo\ntrain: {epochs: 7}\n", encoding="utf-8")
    overrides = ["train.epochs=3", "optim.lr=0.25"]
    assert with_overrides(load_config("mine").config, overrides) == load_config("mine", overrides).config
    with pytest.raises(ConfigError, match=r"unknown key 'train\.epoks'"):
        with_overrides(Config(), ["train.epoks=3"])


def test_a_recipe_of_ones_own_extends_one_of_the_package(configs: Path) -> None:
    (configs / "recipes").mkdir()
    mine = configs / "recipes" / "mine.yaml"
    mine.write_text("extends: cpu-2-both\noptim: {lr: 0.07}\n", encoding="utf-8")
    found = load_config(str(mine)).config
    assert found.optim.lr == 0.07 and found.data.image_size == 64, "that of cpu-2-both"
    (configs / "mine.yaml").write_text("extends: cpu-2-both\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no settings called 'cpu-2-both'"):
        load_config("mine")
