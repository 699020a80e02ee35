"""One score out of several metrics, as a formula in the settings: `0.5*accuracy + 0.5*(1-eer)`.

A formula has metric names (also of the form `tpr@1e-3`), numbers, + - * /, signs and parentheses, and
nothing else: `ast` parses it and this module walks the tree, so nothing in it is ever executed.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from numbers import Real

from kaggle_face.arguments import checked
from kaggle_face.errors import ConfigError, nearest_hint
from kaggle_face.metrics.table import FORMULA_METRICS, METRICS, MetricName

MAX_LENGTH = 300
"""Longer formulas are refused before they are parsed, so that no nesting exhausts the stack."""

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}

_METRIC_AT_RATE = re.compile(r"\b[A-Za-z_]\w*@\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
"""`tpr@1e-3`, which Python would read as a matrix product."""


@dataclass(frozen=True)
class Composite:
    """A checked formula, and the names of the metrics that it needs, in order of appearance."""

    expression: str
    names: tuple[str, ...]
    _formula: ast.expr = field(repr=False, compare=False)

    def evaluate(self, metrics: Mapping[str, float]) -> float:
        """The formula's value; a NaN metric makes it NaN.

        Raises:
            ConfigError: a metric is missing, a division by zero, or a value too large for a float.

        >>> parse_composite("0.5*accuracy + 0.5*(1-eer)").evaluate({"accuracy": 0.75, "eer": 0.125})
        0.8125
        """
        if not isinstance(metrics, Mapping):
            raise ConfigError(f"evaluate(metrics=...) must be a mapping, got {type(metrics).__name__}")
        _require_known(self.expression, self.names, metrics)
        for name in self.names:
            if not isinstance(metrics[name], Real):
                kind = type(metrics[name]).__name__
                raise ConfigError(f"the metric '{name}' must be a number, got {kind}")
        try:
            value = _value(self._formula, metrics)
        except ZeroDivisionError:
            at = ", ".join(f"{name} = {metrics[name]:g}" for name in self.names)
            raise ConfigError(f"the composite '{self.expression}' divides by zero at {at}") from None
        if math.isinf(value) and all(math.isfinite(metrics[name]) for name in self.names):
            raise ConfigError(f"the composite '{self.expression}' is too large a number")
        return value


def default_formula(*metrics: MetricName) -> str:
    """The score where settings name none: the mean of metrics, each turned so that more is better.

    Raises:
        ConfigError: a metric is not known.

    >>> default_formula("accuracy", "eer"), default_formula("eer")
    ('0.5*accuracy + 0.5*(1-eer)', '1-eer')
    """
    for name in metrics:
        if name not in METRICS:
            raise ConfigError(f"there is no metric '{name}'{nearest_hint(str(name), METRICS)}")
    if len(metrics) == 1:
        return METRICS[metrics[0]].goodness
    terms = [name if METRICS[name].higher_is_better else f"({METRICS[name].goodness})" for name in metrics]
    return " + ".join(f"{1 / len(terms):g}*{term}" for term in terms)


@checked
def parse_composite(
    expression: str, known_names: Sequence[str] | AbstractSet[str] | Mapping[str, object] = FORMULA_METRICS
) -> Composite:
    """The formula of a composite score, its names checked against the known ones.

    Raises:
        ConfigError: the text is not a formula, has a part that is not allowed, or an unknown name.

    >>> parse_composite("accuracy - 2*tpr@1e-3").names
    ('accuracy', 'tpr@1e-3')
    >>> try:
    ...     parse_composite("0.5*acuracy", ["accuracy", "eer"])
    ... except ConfigError as error:
    ...     print(error)
    the composite '0.5*acuracy' has the unknown metric 'acuracy'; did you mean 'accuracy'?
    known: accuracy, eer
    """
    expression = " ".join(expression.split())
    try:
        formula = _parsed(expression)
        names = tuple(dict.fromkeys(_names_in(formula)))
    except _NotAFormulaError as error:
        named = expression if len(expression) <= MAX_LENGTH else f"{expression[:20]}..."
        raise ConfigError(
            f"the composite '{named}' cannot be read at '{error}': "
            "it may have metric names, numbers, + - * / and parentheses; "
            f"known metrics: {', '.join(sorted(known_names))}"
        ) from None
    if not names:
        raise ConfigError(f"the composite '{expression}' names no metric")
    _require_known(expression, names, known_names)
    return Composite(expression, names, formula)


@checked
def is_higher_better(metric: str) -> bool:
    """Whether more of a metric is better, or of a score by a formula, of which more always is.

    Raises:
        ConfigError: It is neither a metric nor a formula of metrics; the nearest names are offered.

    >>> is_higher_better("log_loss"), is_higher_better("0.5*accuracy + 0.5*(1-eer)")
    (False, True)
    """
    if metric in METRICS:
        return METRICS[metric].higher_is_better
    try:
        parse_composite(metric)
    except ConfigError:
        hint = nearest_hint(metric, METRICS)
        if not hint:
            raise
        raise ConfigError(f"there is no metric '{metric}'{hint}") from None
    return True


class _NotAFormulaError(Exception):
    """The part of a formula that is not allowed, or cannot be parsed."""


class _Renaming(ast.NodeTransformer):
    """Puts metric names in the place of the identifiers that stood for them."""

    def __init__(self, metric_of: Mapping[str, str]) -> None:
        self.metric_of = metric_of

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """A name node, renamed if it stood for a metric."""
        return ast.Name(self.metric_of.get(node.id, node.id))


def _parsed(expression: str) -> ast.expr:
    if len(expression) > MAX_LENGTH:
        raise _NotAFormulaError(f"{expression[:20]}... ({len(expression)} characters, at most {MAX_LENGTH})")
    rated = dict.fromkeys(_METRIC_AT_RATE.findall(expression))
    identifier_of = {metric: f"metric_at_rate_{number}" for number, metric in enumerate(rated)}
    source = _METRIC_AT_RATE.sub(lambda match: identifier_of[match[0]], expression)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of, such as 1or 2, is not a formula
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, Warning) as error:
        rest = source[(getattr(error, "offset", None) or 1) - 1 :]
        for metric, identifier in identifier_of.items():
            rest = rest.replace(identifier, metric)
        raise _NotAFormulaError(rest or expression) from None
    renamed = _Renaming({identifier: metric for metric, identifier in identifier_of.items()}).visit(tree)
    assert isinstance(renamed, ast.expr)
    return renamed


def _names_in(part: ast.expr) -> list[str]:
    """Metric names of a formula, in order; raises at the first part that is not allowed."""
    match part:
        case ast.Name(name):
            return [name]
        case ast.Constant(value) if _is_number(value):
            return []
        case ast.UnaryOp(sign, operand) if type(sign) in SIGNS:
            return _names_in(operand)
        case ast.BinOp(left, symbol, right) if type(symbol) in OPERATORS:
            return _names_in(left) + _names_in(right)
        case _:
            raise _NotAFormulaError(_source_of(part))


def _source_of(part: ast.expr) -> str:
    """The text of a part that is not allowed; an integer can have more digits than Python writes."""
    try:
        return ast.unparse(part)
    except ValueError:
        return "a number of too many digits"


def _value(part: ast.expr, metrics: Mapping[str, float]) -> float:
    match part:
        case ast.Name(name):
            return float(metrics[name])
        case ast.Constant(int() | float() as value):
            return float(value)
        case ast.UnaryOp(sign, operand):
            return SIGNS[type(sign)](_value(operand, metrics))
        case ast.BinOp(left, symbol, right):
            return OPERATORS[type(symbol)](_value(left, metrics), _value(right, metrics))
        case _:
            raise AssertionError(f"{ast.dump(part)} passed the check of parse_composite")


def _is_number(value: object) -> bool:
    """Whether a constant is a number that a float can hold."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _require_known(expression: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(
                f"the composite '{expression}' has the unknown metric '{name}'"
                f"{nearest_hint(name, known) or ';'} known: {', '.join(sorted(known))}"
            )
