"""The first screen of the report: the task, the score, how it compares, and the next steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kaggle_face.metrics.table import METRICS, title_of, verdict_of
from kaggle_face.report.advice import Step
from kaggle_face.report.facts import ComparedMetric, ReportFacts
from kaggle_face.report.findings import missing_to
from kaggle_face.report.rendering import escaped
from kaggle_face.tasks import Task

_QUESTIONS: dict[Task, str] = {
    "classification": "Who of the known identities is this?",
    "verification": "Do two pictures show one identity?",
}


def render_first_screen(
    facts: ReportFacts, steps: Sequence[Step], num_rules: int, anchors: Collection[str]
) -> str:
    """The first screen as HTML; every text from outside is escaped. `anchors` are the sections to link to."""
    words = {0: "Nothing stands out", 1: "The one thing to do next"}
    heading = words.get(len(steps), f"The {'two' if len(steps) == 2 else 'three'} things to do next")
    return (
        '<section id="result" aria-labelledby="result-title"><h2 id="result-title">Result</h2>'
        f'<div class="summary">{_question(facts)}{_score(facts)}{_before(facts)}{_cutoffs(facts)}</div>'
        f"<h3>{heading}</h3>{_steps(steps, num_rules, anchors)}</section>"
    )


def _question(facts: ReportFacts) -> str:
    question = facts.question
    lines = [f"{_QUESTIONS[task]} Judged by {_meaning(question.metrics[task])}." for task in question.tasks]
    body = "".join(f"<p>{escaped(line)}</p>" for line in lines)
    return (
        f'<div class="panel"><h3>The question</h3><p><strong>{escaped(question.title)}</strong> '
        f"({escaped(question.slug)})</p>{body}</div>"
    )


def _meaning(metric: str) -> str:
    if metric not in METRICS:
        return metric
    return METRICS[metric].description


def _score(facts: ReportFacts) -> str:
    score = facts.score
    if score is None:
        return '<div class="panel"><h3>The score</h3><p>Nothing is held out that could be measured.</p></div>'
    of_tasks = [each for each in facts.task_scores.values() if each.title != score.title]
    tasks = ""
    for each in of_tasks:
        ends = "" if each.low is None else f" ({each.low:.4f} to {each.high:.4f})"
        tasks += f"<li>{escaped(f'{each.title} {each.value:.4f}{ends}')}</li>"
    interval = (
        f"<p>95 % interval {score.low:.4f} to {score.high:.4f}</p>"
        if score.low is not None and score.high is not None
        else "<p>no interval</p>"
    )
    note = f'<p class="note">{escaped(score.note)}</p>' if score.note else ""
    better = "higher" if score.higher_is_better else "lower"
    return (
        f'<div class="panel"><h3>{escaped(score.title)}, out of fold</h3><p class="big">{score.value:.4f}</p>'
        f"{interval}<p>of {escaped(score.of)}; {better} is better</p>"
        f"{f'<ul>{tasks}</ul>' if tasks else ''}{note}</div>"
    )


def _before(facts: ReportFacts) -> str:
    comparison = facts.comparison
    if comparison is None:
        reason = facts.missing.get("comparison", "there is no other run")
        return f'<div class="panel"><h3>Against the run before</h3><p>{escaped(_sentence(reason))}</p></div>'
    rows = "".join(f"<li>{_difference(each)}</li>" for each in comparison.metrics)
    note = f'<p class="note">{escaped(comparison.note)}</p>' if comparison.note else ""
    return (
        f'<div class="panel"><h3>Against the run before</h3><p>{escaped(comparison.before)}</p>'
        f"<ul>{rows}</ul>{note}</div>"
    )


def _difference(row: ComparedMetric) -> str:
    change = row.now - row.before
    text = f"{escaped(title_of(row.metric))} {row.now:.4f}, was {row.before:.4f} ({change:+z.4f})"
    found = row.difference
    if found is None:
        return f"{text}: not the same images, so no interval"
    verdict = verdict_of(row.metric, found.value, found.low, found.high)
    if verdict == "not more than noise":
        return f"{text}: {verdict}"
    style = "good" if verdict == "better" else "bad"
    return f'{text}: <span class="{style}">{verdict}</span> ({found.low:+z.4f} to {found.high:+z.4f})'


def _cutoffs(facts: ReportFacts) -> str:
    rows = []
    for cutoff in facts.question.cutoffs:
        missing = missing_to(facts, cutoff)
        if missing is None:
            state = "not comparable"
        elif missing <= 0:
            state = '<span class="good">reached out of fold</span>'
        else:
            state = f"{missing:.4f} is missing out of fold"
        rows.append(f"<li>{escaped(cutoff.name)} {cutoff.score:g} ({escaped(cutoff.source)}): {state}</li>")
    notes = "".join(f'<p class="note">{escaped(note)}</p>' for note in facts.question.notes)
    listed = f"<ul>{''.join(rows)}</ul>" if rows else "<p>None is known for this competition.</p>"
    return f'<div class="panel"><h3>Against the cut-offs</h3>{listed}{notes}</div>'


def _steps(steps: Sequence[Step], num_rules: int, anchors: Collection[str]) -> str:
    items = []
    for step in steps:
        title = escaped(step.title)
        linked = f'<a href="#{step.anchor}">{title}</a>' if step.anchor in anchors else title
        command = f"<code>{escaped(step.command)}</code>" if step.command else ""
        items.append(f"<li><h4>{linked}</h4><p>{escaped(_sentence(step.evidence))}</p>{command}</li>")
    checked = (
        f'<p class="note">Of {num_rules} rules the first that hold, in the order of what a fault spoils; '
        "docs/report.md explains them.</p>"
    )
    return f'<ol class="steps">{"".join(items)}</ol>{checked}'


def _sentence(text: str) -> str:
    """A phrase as a sentence.

    >>> _sentence("mean of 2 folds")
    'Mean of 2 folds.'
    """
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
