"""The rules check: rules of a competition that the settings break, before time or a submission is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaggle_face.errors import RulesError
from kaggle_face.hints import settings_command

if TYPE_CHECKING:
    from kaggle_face.config import Config
    from kaggle_face.progress import Progress


def check_rules(
    config: Config,
    num_classes: int,
    ignored: bool,
    progress: Progress,
    num_parameters_of_ensemble: int | None = None,
) -> list[str]:
    """The broken rules that are ignored, each with a warning.

    Raises:
        RulesError: A rule is broken and not ignored.
    """
    broken = rules_broken_by(config, num_classes, num_parameters_of_ensemble)
    if broken and not ignored:
        more = f"; {len(broken) - 1} more: {settings_command('check')}" if len(broken) > 1 else ""
        raise RulesError(
            f"{config.competition.slug}: {broken[0]}; or go on with --ignore-rules, which is recorded{more}"
        )
    for line in broken:
        progress.warn(f"ignored rule: {line}")
    return broken


def rule_on_test_neighbours(
    config: Config, ignored: bool, progress: Progress
) -> tuple[str | None, list[str]]:
    """Why steps that use neighbouring test images are left out, and the rules on them that are ignored."""
    from kaggle_face.competitions.catalogue import rules
    from kaggle_face.competitions.catalogue.known import find_spec

    spec = find_spec(config.competition.slug)
    rule = None if spec is None else rules.rule_on_test_neighbours(spec.rules)
    if rule is None or not ignored:
        return rule, []
    progress.warn(f"ignored rule: {rule}")
    return None, [rule]


def rules_broken_by(
    config: Config, num_classes: int, num_parameters_of_ensemble: int | None = None
) -> list[str]:
    """The known rules of the competition that the settings break, one line each."""
    from kaggle_face.competitions.catalogue.known import find_spec
    from kaggle_face.competitions.catalogue.rules import broken_rules

    spec = find_spec(config.competition.slug)
    if spec is None:
        return []
    count = None
    if spec.rules.max_parameters is not None:
        count = parameters_of(config, num_classes)
    return broken_rules(spec.rules, config, count, num_parameters_of_ensemble)


def parameters_of(config: Config, num_classes: int) -> int:
    """The parameters of the settings' network, head included; it is built without weights."""
    from kaggle_face.model.network import count_parameters, create_network

    untrained = config.model.model_copy(update={"pretrained": False, "weights": None})
    network = create_network(untrained, config.margin, num_classes, config.data.image_size)
    return count_parameters(network, with_head=True)
