"""DURING the call: the stage (who is on the line, the conversation), the mood gauge, the notes."""

from __future__ import annotations

from simulator.app.markup import ENDINGS, REGISTERS, WORDS, avatar, ending_class, esc, icon, joined, of_call
from simulator.app.turn_view import caller_turn, trainee_turn
from simulator.call import Call, Due
from simulator.hints import hint
from simulator.transcript import Speaker
from simulator.vocabulary import Feeling, Intent

_FEELINGS = {
    Feeling.AGITATION: ("Agitation", "how worked up they are"),
    Feeling.TRUST: ("Trust", "whether they believe you"),
    Feeling.PATIENCE: ("Patience", "at 0 they give up on the call"),
    Feeling.HEARD: ("Feels heard", "whether you have understood them"),
}


def stage(
    call_id: str,
    call: Call,
    *,
    playing: bool = False,
    saying: str = "",
    failed: str = "",
    opening: bool = False,
    sent: int | None = None,
    ahead: int | None = None,
    full: int | None = None,
) -> str:
    """Head and conversation. `playing`: a turn is going on, so nothing can be said yet; `saying`: the caller's words so
    far; `failed`: why the turn could not be finished; `opening`: it may take another call's place; `sent`: the trainee
    turn that this page has sent, whose words can leave the text box; `ahead`: turns in line before this one; `full`: turns
    before this one, which cannot even wait in line: the page asks for it again."""
    state = "failed" if failed else "full" if full is not None else "busy" if playing else _state(call)
    taken = "" if sent is None else f' data-sent="{sent}"'
    return (
        f'<section class="stage" {of_call(call_id, opening=opening)} data-state="{state}" '
        f'data-turns="{len(call.transcript)}"{taken} aria-label="Call">'
        f"{_head(call)}{conversation(call, saying=saying, failed=failed, waits=_line(call, ahead, full))}</section>"
    )


def _state(call: Call) -> str:
    """In one word, for the page: idle, busy, hold or ended."""
    if call.ended:
        return "ended"
    if call.due is not Due.TRAINEE:
        return "busy"
    return "hold" if call.paused_at is not None else "idle"


def _head(call: Call) -> str:
    start = call.start
    held = call.paused_at is not None and not call.ended
    buttons = (
        ""
        if call.ended
        else (
            f'<button type="button" class="btn ghost" id="hold" data-act="{"unhold" if held else "hold"}" '
            f'aria-pressed="{"true" if held else "false"}">{icon("play" if held else "pause")}'
            f"<span>{'Resume' if held else 'Hold'}</span></button>"
            f'<button type="button" class="btn ghost" id="transfer" data-act="transfer" '
            f'title="Drafts a hand-over sentence for you to send">{icon("transfer")}<span>Transfer</span></button>'
            f'<button type="button" class="btn ghost danger" id="end" data-act="end" data-confirm="End this call?" '
            f'data-confirm-text="{_end_words(call)}" data-confirm-yes="End call">{icon("end")}<span>End</span></button>'
        )
    )
    how = "Exam" if not start.hints else "With hints"
    again = " · second try" if start.branched_from else ""
    return (
        f'<header class="stage-head">{avatar(start.persona.id, start.persona.name, 44)}'
        f'<div class="who"><h2 id="during-title" tabindex="-1">{esc(start.persona.name)}</h2>'
        f"<p>{esc(start.scenario.title)}</p>"
        f'<p class="fine">{REGISTERS[start.medium]} · {start.difficulty.value} · {WORDS[start.intensity]} · {how}{again}</p></div>'
        f'<div class="tools">{buttons}</div></header>'
    )


def _end_words(call: Call) -> str:
    """What ending now means; in an exam it does not tell whether the caller has accepted."""
    if not call.start.hints:
        return "You will go to the debrief."
    if call.state.accepted:
        return "The caller has accepted a solution. You will go to the debrief."
    return "The caller has not accepted a solution yet, so the problem stays open. You will go to the debrief."


def _line(call: Call, ahead: int | None, full: int | None) -> str:
    """Why this turn has to wait; '' if it has not."""
    name = esc(call.start.persona.name)
    if full is not None:
        return (
            f"The machine is full. Your words are saved: {name} answers as soon as there is room "
            f"({_turns(full)} before yours)"
        )
    if ahead is not None:
        return f"{name} is thinking; {f'{_turns(ahead)} before yours' if ahead else 'your turn is next'}"
    return ""


def _turns(count: int) -> str:
    return "1 turn is" if count == 1 else f"{count} turns are"


def conversation(call: Call, *, saying: str = "", failed: str = "", waits: str = "") -> str:
    """The turns in a scroller that stays at its end, and below them what is happening now. `waits`: why nothing is."""
    start, shown = call.start, call.start.hints
    items: list[str] = []
    if not call.transcript.turns:
        words = "The phone rings" if start.medium.value == "phone" else "A chat opens"
        items.append(
            f'<li class="meta" data-k="ring">{words}. You answer for <b>{esc(start.scenario.business)}</b>: greet the '
            "caller, say your name and ask how you can help.</li>"
        )
    if start.branched_from:
        items.append(
            '<li class="meta" data-k="again">Second try: everything above the mark is as it was. '
            "Say it another way.</li>"
        )
    for turn in call.transcript:
        if start.branched_from and turn.index == start.branched_from.turn:
            items.append('<li class="meta mark" data-k="mark"><span>tried again from here</span></li>')
        if turn.speaker is Speaker.TRAINEE:
            waiting = (
                "grading"
                if turn.index not in call.grades and not call.ended and not failed and not waits and shown
                else ""
            )
            grades, second = call.grades.get(turn.index), call.seconds.get(turn.index)
            items.append(trainee_turn(turn, grades, shown=shown, waiting=waiting, second=second))
        else:
            if _stood_in(call, turn.index) and not _stood_in(call, turn.index - 2):
                items.append(
                    f'<li class="meta" data-k="stand-in-{turn.index}">The model server does not answer just now. The '
                    "machine's own model speaks until it does; your call goes on as it was.</li>"
                )
            items.append(caller_turn(start.persona, turn.index, turn.text))
    items.append(_now(call, saying, failed, waits))
    return (
        '<div class="scroller" tabindex="0" role="region" aria-label="Conversation" id="conversation">'
        f'<ol class="turns">{joined(items)}</ol></div>'
    )


def _stood_in(call: Call, turn: int) -> bool:
    """Whether another model spoke that caller turn, because the call's own failed."""
    return turn in call.spoken and call.spoken[turn].stood_in


def _now(call: Call, saying: str, failed: str, waits: str) -> str:
    """What is happening after the last turn."""
    persona = call.start.persona
    if call.ended:
        kind = ending_class(call.ended.ending)
        return (
            f'<li class="meta over {kind}" data-k="over"><b>Call ended: {esc(ENDINGS[call.ended.ending])}</b>'
            "<span>Add to your notes while it is fresh, then see how it went.</span>"
            '<button type="button" class="btn primary" id="to-debrief" data-act="debrief">See the debrief</button></li>'
        )
    if failed:
        return (
            f'<li class="meta over bad" data-k="failed"><b>The caller could not answer</b><span>{esc(failed)}</span>'
            '<button type="button" class="btn" id="retry" data-act="resume">Try again</button></li>'
        )
    if saying:
        return caller_turn(persona, len(call.transcript), saying, saying=True)
    dots = '<span class="dots" aria-hidden="true"></span>'
    if waits:
        return f'<li class="meta live" data-k="thinking">{waits}{dots}</li>'
    if call.due in (Due.MOVE, Due.WORDS) or (call.due is Due.GRADE and not call.start.hints):
        return f'<li class="meta live" data-k="thinking">{esc(persona.name)} is thinking{dots}</li>'
    if call.paused_at is not None:
        return (
            f'<li class="meta live" data-k="held">{icon("pause")} On hold. {esc(persona.name)} waits; '
            "your next words, or Resume, take the call off hold.</li>"
        )
    return ""


def mood(call_id: str, call: Call, *, opening: bool = False) -> str:
    """The right-hand panel: how the caller feels and one hint; in an exam neither."""
    if not call.start.hints:
        inner = '<p class="quiet">Exam: the caller\'s mood, hints and grades are shown after the call.</p>'
    else:
        inner = f"{_gauge(call)}{_hint(call)}"
    return (
        f'<details class="drawer" data-wide-open {of_call(call_id, opening=opening)}><summary>Caller\'s mood{_at_a_glance(call)}</summary>'
        f'<div class="drawer-in">{inner}</div></details>'
    )


def _at_a_glance(call: Call) -> str:
    """The mood in a word, for when the panel is closed."""
    return f'<span class="glance">: {_mood_word(call)}</span>' if call.start.hints else ""


def _gauge(call: Call) -> str:
    now = call.state
    order = sorted(call.moves)
    before = call.moves[order[-2]].state if len(order) > 1 else None
    rows: list[str] = []
    for feeling, (name, what) in _FEELINGS.items():
        value = now.feeling(feeling)
        change = value - before.feeling(feeling) if before is not None else 0.0
        good = (change < 0) == (feeling is Feeling.AGITATION)
        arrow = ""
        if abs(change) >= 0.05:
            way = "up" if change > 0 else "down"
            arrow = f'<span class="{"better" if good else "worse"}">{"▲" if change > 0 else "▼"} {abs(change):.1f}' + (
                f'<span class="sr"> {way} since the last turn</span></span>'
            )
        rows.append(
            f'<div class="meter {feeling.value}"><div class="meter-top"><span title="{what}">{name}</span>'
            f'<span class="num">{arrow} {value:.1f}</span></div>'
            f'<div class="bar" role="meter" aria-label="{name}, {what}" aria-valuemin="0" aria-valuemax="10" '
            f'aria-valuenow="{value:.1f}"><i style="width:{value * 10:.0f}%"></i></div></div>'
        )
    return (
        f'<section class="gauge" aria-label="Caller\'s mood"><p class="moodword mood-{now.mood.value}">'
        f"{esc(call.start.persona.name)} is <b>{_mood_word(call)}</b></p>{joined(rows)}</section>"
    )


def _mood_word(call: Call) -> str:
    if call.state.accepted:
        return "content with your offer"
    if call.state.intents and call.state.intents[-1] is Intent.SOFTEN:
        return "coming round"
    return {"calm": "calm", "tense": "tense", "hot": "angry", "boiling": "boiling over"}[call.state.mood.value]


def _hint(call: Call) -> str:
    return f'<p class="hint" id="hint">{icon("bulb")}<span>{esc(hint(call))}</span></p>' if not call.ended else ""


def notes(call_id: str, call: Call, saved: str = "", *, opening: bool = False) -> str:
    """The notes pad. What stands here is the wrap-up note of the call."""
    return (
        f'<details class="drawer" data-wide-open {of_call(call_id, opening=opening)}><summary>Notes</summary>'
        '<div class="drawer-in notes">'
        '<label for="notes">Your notes <small>they become the wrap-up note</small></label>'
        f'<textarea id="notes" data-k="notes-{esc(call_id)}" data-blur="note" rows="4" maxlength="8000" '
        f'placeholder="Facts, promises, times …">{esc(call.note)}</textarea>'
        f'<p class="fine" id="notes-state" role="status">{esc(saved)}</p></div></details>'
    )
