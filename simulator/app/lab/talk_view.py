"""Two calls side by side: what each caller said, what they were doing, how they feel now and what moved them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.app.lab.talk import Setup, Side, Talk, words_for
from simulator.app.markup import ENDINGS, ending_class, esc, joined, of_call
from simulator.call import Call, Due
from simulator.caller.appraisal import opening_state
from simulator.caller.state import CallerState
from simulator.scenario import Scenario
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty, Feeling, Intent

Names = Sequence[tuple[str, str]]


def setup_form(opened: str, scenarios: Mapping[str, Scenario], against: Names, chosen: Setup | None = None) -> str:
    """What both are met with. `against`: the versions that the editor's may be held against."""
    about = chosen.scenario.id if chosen else ""
    seed = chosen.seed if chosen else 1
    before = chosen.before if chosen else ""
    level = chosen.difficulty if chosen else Difficulty.MEDIUM
    return (
        f'<form class="card-box lab-setup" data-form data-k="talk-{esc(opened)}" {of_call(opened, opening=chosen is None)}><h2>Talk to both</h2>'
        '<p class="quiet">What you say goes to two callers: a saved version, and the text that is in the editor now. Same '
        "situation, same seed. Nothing of it is stored.</p>"
        f'<input type="hidden" name="opened" value="{esc(opened)}"><div class="lab-row">'
        f"{choice('before', 'Saved', against, before, 'talk-before')}"
        f"{choice('scenario', 'Situation', [(s.id, s.title) for s in scenarios.values()], about, 'talk-scenario')}"
        f"{choice('difficulty', 'Difficulty', [(d.value, d.value.capitalize()) for d in Difficulty], level.value, 'talk-difficulty')}"
        f'<label class="inline">Seed <input type="number" class="seed" name="seed" id="talk-seed" min="0" max="999999999" '
        f'value="{seed}"></label>'
        '<button type="button" class="btn primary" id="talk-begin" data-act="begin" data-field="lab-text">'
        f"{'Begin anew' if chosen else 'Begin'}</button></div></form>"
    )


def choice(name: str, label: str, options: Names, chosen: str, element: str) -> str:
    """A label with a list to choose from."""
    inner = joined(
        f'<option value="{esc(key)}"{" selected" if key == chosen else ""}>{esc(told)}</option>'
        for key, told in options
    )
    return f'<label class="inline">{label} <select name="{name}" id="{element}">{inner}</select></label>'


def both(talk: Talk, playing: str = "") -> str:
    """The talk as it is now. `playing`: the trainee's words that are being answered at this moment."""
    said = [*talk.said, playing] if playing else talk.said
    turns = joined(_turn(talk, n, words) for n, words in enumerate(said))
    setup = talk.setup
    names = joined(f"<b>{esc(named(side.name))}</b>" for side in talk.sides)
    empty = "" if said else '<p class="quiet">Greet them: what you say first opens both calls.</p>'
    return (
        f'<section class="card-box both"><div class="both-names">{names}</div>{empty}<ol>{turns}</ol>{_ends(talk)}'
        f'<form class="both-say" data-form data-k="say-{esc(talk.id)}">'
        f'<input type="hidden" name="talk" value="{esc(talk.id)}"><input type="hidden" name="opened" value="{esc(setup.opened)}">'
        f'<input type="hidden" name="before" value="{esc(setup.before)}"><input type="hidden" name="scenario" value="{esc(setup.scenario.id)}">'
        f'<input type="hidden" name="difficulty" value="{setup.difficulty.value}"><input type="hidden" name="seed" value="{setup.seed}">'
        f'<input type="hidden" name="said" value="{esc(words_for(talk.said))}">{_composer(talk, bool(playing), len(said))}'
        "</form></section>"
    )


def _composer(talk: Talk, busy: bool, turns: int) -> str:
    again = (
        '<button type="button" class="btn" id="talk-again" data-act="again" data-field="lab-text" title="Play the same words '
        'again, with the text that is in the editor now">Same words again</button>'
        if talk.said and not busy
        else ""
    )
    if talk.over:
        return f'<div class="tools">{again}</div>'
    return (
        '<label class="sr" for="lab-say">What you say to both</label>'
        f'<textarea id="lab-say" name="say" data-k="say-{esc(talk.id)}-{turns}" rows="2" maxlength="8000" '
        f'placeholder="{"They are answering …" if busy else "What do you say to both? Enter sends"}"></textarea>'
        f'<div class="tools"><button type="button" class="btn primary" id="lab-send" data-act="say" data-field="lab-text"'
        f"{' disabled' if busy else ''}>Say it to both</button>{again}</div>"
    )


def _turn(talk: Talk, number: int, words: str) -> str:
    answers = [_answer(side, 2 * number) for side in talk.sides]
    differ = len({_intent(side, 2 * number) for side in talk.sides} - {None}) > 1
    note = ' <span class="badge warn">they did different things</span>' if differ else ""
    return (
        f'<li data-k="turn-{number}"><p class="both-mine" dir="auto"><b>You</b> {esc(words)}{note}</p>'
        f'<div class="both-cols">{joined(answers)}</div></li>'
    )


def _intent(side: Side, index: int) -> Intent | None:
    move = side.session.call.moves.get(index)
    return move.plan.intent if move else None


def _answer(side: Side, index: int) -> str:
    """One caller's answer to the trainee turn of that index."""
    call = side.session.call
    turns = call.transcript.turns
    name = f'<h3 class="both-who">{esc(named(side.name))}</h3>'
    if index >= len(turns) or turns[index].speaker is not Speaker.TRAINEE:
        told = "has ended" if call.ended else "waits"
        return f'<article class="both-side">{name}<p class="quiet">This call {told}.</p></article>'
    move, spoken = call.moves.get(index), call.spoken.get(index + 1)
    words = spoken.text if spoken else side.saying
    live = "" if words or call.due is Due.TRAINEE else '<span class="dots" aria-hidden="true"></span>'
    shown = f'<p class="both-words" dir="auto">{esc(words)}{live}</p>'
    if move is None:
        return f'<article class="both-side">{name}{shown}</article>'
    reasons = joined(f"<li>{esc(str(r).replace('_', ' '))}</li>" for r in move.appraisal.reasons)
    how = "written line" if spoken and spoken.written else ""
    return (
        f'<article class="both-side">{name}{shown}<p class="both-does"><span class="pill">{move.plan.intent.value.replace("_", " ")}'
        f'</span> <span class="fine">{esc(move.plan.why)}{f" · {how}" if how else ""}</span></p>'
        f"{_feelings(move.state, _before(call, index))}"
        f'<div class="both-moved"><h4>What moved them</h4><ul>{reasons or "<li>nothing</li>"}</ul></div></article>'
    )


def _before(call: Call, index: int) -> CallerState:
    earlier = [at for at in call.moves if at < index]
    return call.moves[max(earlier)].state if earlier else opening_state(call.start.persona, call.start.difficulty)


def _feelings(now: CallerState, before: CallerState) -> str:
    rows = []
    for feeling in Feeling:
        value, change = now.feeling(feeling), now.feeling(feeling) - before.feeling(feeling)
        good = (change < 0) == (feeling is Feeling.AGITATION)
        arrow = f'<small class="{"better" if good else "worse"}">{change:+.1f}</small>' if abs(change) >= 0.05 else ""
        rows.append(
            f'<div class="meter {feeling.value}"><div class="meter-top"><span>{feeling.value.capitalize()}</span><span class="num">'
            f'{arrow} {value:.1f}</span></div><div class="bar" role="meter" aria-label="{feeling.value}" aria-valuemin="0" '
            f'aria-valuemax="10" aria-valuenow="{value:.1f}"><i style="width:{value * 10:.0f}%"></i></div></div>'
        )
    return f'<div class="both-feelings">{joined(rows)}</div>'


def _ends(talk: Talk) -> str:
    ended = [
        f'<p class="pill {ending_class(side.session.call.ended.ending)}">{esc(named(side.name))}: '
        f"{esc(ENDINGS[side.session.call.ended.ending])}</p>"
        for side in talk.sides
        if side.session.call.ended
    ]
    return f'<div class="tools both-ends">{joined(ended)}</div>' if ended else ""


def named(name: str) -> str:
    """What a version is called on the page."""
    return {"editor": "In the editor", "shipped": "As shipped", "saved": "As saved"}.get(name, f"Version {name}")
