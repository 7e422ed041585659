"""What the trainee may look up, before and during a call: record, knowledge base, what may be granted."""

from __future__ import annotations

from simulator.app.markup import esc, joined
from simulator.scenario import Article, Scenario


def record(scenario: Scenario) -> str:
    """The customer record."""
    rows = joined(f"<div><dt>{esc(e.label)}</dt><dd>{esc(e.value)}</dd></div>" for e in scenario.record)
    return f'<dl class="record">{rows}</dl>'


def articles(scenario: Scenario, prefix: str) -> str:
    """The knowledge base with a search box. `prefix` keeps ids apart where it is shown twice."""
    return (
        f'<div class="kb" data-kb><label class="sr" for="{prefix}-kb-search">Search the knowledge base</label>'
        f'<input type="search" id="{prefix}-kb-search" class="kb-search" placeholder="Search articles" '
        'autocomplete="off">'
        f'<div class="kb-list">{joined(_article(a) for a in scenario.articles)}</div>'
        '<p class="kb-none" hidden role="status">No article has all these words. Try fewer.</p></div>'
    )


def _article(article: Article) -> str:
    return (
        f'<details class="art" data-k="{esc(article.id)}"><summary>{esc(article.title)}</summary>'
        f"<p>{esc(article.body)}</p></details>"
    )


def desk(scenario: Scenario) -> str:
    """The side panel during a call: goal, record, knowledge base, policy and hand-over."""
    may = joined(f"<li>{esc(line)}</li>" for line in scenario.may)
    policy = joined(f"<li>{esc(line)}</li>" for line in scenario.policy)
    return (
        '<details class="drawer" data-wide-open><summary>Record &amp; knowledge base</summary><div class="drawer-in">'
        f'<section class="sec"><h3>Customer record</h3>{record(scenario)}</section>'
        f'<section class="sec"><h3>Knowledge base</h3>{articles(scenario, "desk")}</section>'
        f'<section class="sec"><h3>You may grant</h3><ul class="ticks">{may}</ul></section>'
        f'<section class="sec"><h3>Policy</h3><ul>{policy}</ul></section>'
        f'<section class="sec"><h3>Handing over</h3><p>{esc(scenario.handover)}</p></section>'
        f'<details class="sec" data-k="goal"><summary><h3>Your goal</h3></summary><p>{esc(scenario.goal)}</p></details>'
        "</div></details>"
    )
