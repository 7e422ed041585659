"""The editor of the persona lab: the form, the YAML text beside it, what is wrong with it, and its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from simulator.app.lab.sheet import LEFT, Box, boxes, held
from simulator.app.markup import ENDINGS, esc, icon, joined, of_call, plural, tag_label, when
from simulator.errors import DataError
from simulator.persona import WRITTEN, Level, Persona, Start, Traits
from simulator.versions import LONGEST_NOTE, Version
from simulator.vocabulary import Difficulty, Fault, Intent, Style, Technique

SHIPPED = "shipped"
"""Names the text that comes with the program, where versions are chosen."""
_STARTS = {
    "agitation": "How worked up they are.",
    "trust": "How far they believe you.",
    "patience": "How much is left; at 0 they hang up.",
    "heard": "How far they feel listened to.",
}


def head(
    known: Mapping[str, Persona], opened: str, title: str, versions: Sequence[Version], own: bool, notice: str = ""
) -> str:
    """Which persona is open, the ways of the lab, and saving."""
    options = joined(
        f'<option value="{esc(i)}"{" selected" if i == opened else ""}>{esc(p.label)} ({esc(i)})</option>'
        for i, p in known.items()
    )
    newest = versions[-1].number if versions else 0
    state = (
        f"Version {newest} is in use."
        if newest
        else "Your own file is in use."
        if own
        else "The shipped file is in use."
    )
    told = f'<p class="note good" role="status">{icon("check")} {esc(notice)}</p>' if notice else ""
    return (
        '<header class="lab-head"><div class="lab-title"><h1 id="lab-title" tabindex="-1">Persona lab</h1>'
        f'<p class="quiet">{esc(title)}. {state}</p></div>'
        '<div class="lab-pick"><label for="lab-who">Caller</label>'
        f'<select id="lab-who" data-k="who-{esc(opened)}">{options}</select>'
        '<button type="button" class="btn" id="lab-open" data-act="open" data-field="lab-who">Open</button></div>'
        f"{told}{_tabs()}</header>"
    )


def _tabs() -> str:
    names = (("edit", "Edit"), ("talk", "Talk to both"), ("check", "Check"), ("versions", "Versions"))
    tabs = joined(
        f'<button type="button" role="tab" class="tab" id="tab-{key}" data-tab="{key}" aria-controls="lab-{key}">'
        f"{name}</button>"
        for key, name in names
    )
    return f'<div class="tabs" role="tablist" aria-label="Parts of the lab">{tabs}</div>'


def saving(opened: str, newest: int) -> str:
    """The bar under the editor: a note, save, export, import. `newest`: the version that the writer has seen."""
    return (
        f'<form class="lab-save" data-form data-k="save-{esc(opened)}-{newest}" id="lab-save-form">'
        f'<input type="hidden" name="opened" value="{esc(opened)}"><input type="hidden" name="newest" value="{newest}">'
        '<label class="sr" for="lab-note">What you changed, and why</label>'
        f'<input type="text" id="lab-note" name="note" maxlength="{LONGEST_NOTE}" placeholder="What you changed, and why" '
        'autocomplete="off">'
        '<button type="button" class="btn primary" id="lab-save" data-act="save" data-field="lab-text">'
        "Save as a new version</button>"
        f'<button type="button" class="btn" id="lab-export" data-act="export" data-field="lab-text">{icon("down")} '
        "Export</button>"
        '<label class="btn" for="lab-file" id="lab-import">Import<input type="file" id="lab-file" class="sr" '
        'accept=".yaml,.yml"></label></form>'
    )


def text_box(opened: str, text: str, *, opening: bool = False) -> str:
    """The YAML text. Another text is another box, so that what the server writes takes the place of what was typed."""
    return (
        f'<p class="note plain" id="lab-draft" role="status" {of_call(opened, opening=opening)} hidden>Your unsaved changes from before are back. '
        '<button type="button" class="btn small" data-drop>Drop them</button></p>'
        '<label class="lab-label" for="lab-text">The same as YAML</label>'
        f'<textarea id="lab-text" data-k="text-{esc(opened)}-{_sum(text)}" data-opened="{esc(opened)}" spellcheck="false" '
        f'autocomplete="off" wrap="off" aria-describedby="lab-state-text">{esc(_kept(text))}</textarea>'
    )


def state(opened: str, problem: DataError | None, changed: bool, *, opening: bool = False) -> str:
    """What is wrong with the text, or that nothing is; and whether it is saved."""
    if problem is not None:
        place = (
            f'<button type="button" class="btn small" data-line="{problem.line}">Line {problem.line}</button> '
            if problem.line
            else ""
        )
        message = problem.message[:1].upper() + problem.message[1:]
        return (
            f'<div class="note bad" id="lab-state-text" data-key="{esc(problem.key or "")}" '
            f"{of_call(opened, opening=opening)}>{icon('alert')} {place}"
            f"<span>{esc(message)}</span></div>"
        )
    word = "Valid; not saved yet." if changed else "Valid, and as it is saved."
    kind = "plain" if changed else "good"
    return (
        f'<div class="note {kind}" id="lab-state-text"{"" if changed else " data-saved"} '
        f"{of_call(opened, opening=opening)}>{icon('check')} "
        f"<span>{word}</span></div>"
    )


def form(opened: str, data: Mapping[str, Any] | None, *, opening: bool = False) -> str:
    """The form of a file that can be read as YAML; without one, why there is none."""
    if data is None:
        return f'<p class="note warn" {of_call(opened, opening=opening)}>The form comes back once the text can be read as YAML again.</p>'
    levels = joined(_level(data, d) for d in Difficulty)
    return (
        f'<form id="lab-form" autocomplete="off" {of_call(opened, opening=opening)}>'
        + _part(
            "Who they are",
            _text(data, "label", "Label")
            + _text(data, "name", "Name")
            + _pronoun(data)
            + _text(data, "id", "Id", "another id makes another caller: the one you opened stays")
            + _text(data, "summary", "In one sentence")
            + _long(data, "who", "Their story"),
        )
        + _part(
            "Traits",
            _numbers(data, "traits", {n: f.description or "" for n, f in Traits.model_fields.items()}),
            "0-10; 5 is an average caller",
        )
        + _part(
            "How they pick up the phone", _numbers(data, "start", {n: _STARTS[n] for n in Start.model_fields}), "0-10"
        )
        + _part("Principles", _lines(data, "principles", "What they do and never do, a sentence on each line"))
        + _part(
            "Voice",
            _long(data, "voice.manner", "How they talk")
            + _text(data, "voice.cue", "In two or three words")
            + '<div class="pair">'
            + _number(data, "voice.words.0", "Shortest reply, words", "1")
            + _number(data, "voice.words.1", "Longest reply, words", "1")
            + "</div>"
            + _lines(data, "voice.pet_phrases", "Pet phrases")
            + _lines(data, "voice.never_says", "Never says")
            + '<fieldset class="ticks-box"><legend>How they tell what happened, of a scenario\'s ways (none: any)</legend>'
            + joined(_tick(data, f"voice.styles.{s.value}", s.value) for s in Style if s is not Style.ANY)
            + "</fieldset>",
        )
        + _part(
            "What makes it worse",
            _gains(data, "triggers", (*Fault, *Technique)),
            "1 as on anyone, 2 twice as strong; empty: not named in the file",
        )
        + _part(
            "What makes it better",
            _gains(data, "soothers", tuple(Technique)),
            "1 as on anyone, 2 twice as strong; empty: not named in the file",
        )
        + _part(
            "What they need, and hold back",
            _long(data, "needs", "What they really need")
            + _long(data, "holds_back", "What they hold back")
            + '<fieldset class="ticks-box"><legend>What makes them say it, once they trust you</legend>'
            + joined(_tick(data, f"unlocks.{t.value}", tag_label(t)) for t in Technique)
            + "</fieldset>",
        )
        + _part("Difficulty levels", f'<div class="levels">{levels}</div>')
        + _part(
            "Their written lines",
            _lines(data, "opens", "Opening the call")
            + joined(_lines(data, f"lines.{i.value}", _plain(i.value)) for i in Intent if i in WRITTEN)
            + joined(_lines(data, f"leaves.{e.value}", f"Last words: {ENDINGS[e].lower()}") for e in LEFT),
            "one on each line; they make sense whatever was said before them. What answers one thing only - a choice, a joke, a hand-over - "
            "stands in the text, under answers",
        )
        + _part("Content note", _long(data, "content_note", "Shown before the call, if they may insult or threaten"))
        + "</form>"
    )


def _part(title: str, inner: str, fine: str = "") -> str:
    first = title in ("Traits", "How they pick up the phone", "Principles")
    told = f'<p class="fine">{esc(fine)}</p>' if fine else ""
    return (
        f'<details class="card-box sheet-part" data-k="part-{esc(title)}"{" open" if first else ""}><summary><h2>{esc(title)}</h2></summary>'
        f"{told}{inner}</details>"
    )


def _named(box: Box, value: str) -> str:
    """Attributes of a box: another value that comes from the text makes another box."""
    return f'name="{box.name}" id="box-{box.name}" data-k="{box.name}-{_sum(value)}"'


def _text(data: Mapping[str, Any], name: str, label: str, hint: str = "") -> str:
    box = boxes()[name]
    value = held(data, box)
    small = f" <small>{esc(hint)}</small>" if hint else ""
    return (
        f'<p class="field"><label for="box-{name}">{esc(label)}{small}</label>'
        f'<input type="text" {_named(box, value)} value="{esc(value)}"></p>'
    )


def _pronoun(data: Mapping[str, Any]) -> str:
    value = held(data, boxes()["pronoun"])
    options = joined(
        f'<option value="{p}"{" selected" if p == value else ""}>{p}</option>' for p in ("she", "he", "they")
    )
    return (
        '<p class="field"><label for="box-pronoun">Pronoun</label>'
        f"<select {_named(boxes()['pronoun'], value)}>{options}</select></p>"
    )


def _area(box: Box, value: str, label: str, rows: int) -> str:
    return (
        f'<p class="field"><label for="box-{box.name}">{esc(label)}</label>'
        f'<textarea {_named(box, value)} rows="{rows}">{esc(_kept(value))}</textarea></p>'
    )


def _long(data: Mapping[str, Any], name: str, label: str) -> str:
    value = held(data, boxes()[name])
    return _area(boxes()[name], value, label, max(2, min(7, len(value) // 60 + 1)))


def _lines(data: Mapping[str, Any], name: str, label: str) -> str:
    value = held(data, boxes()[name])
    return _area(boxes()[name], value, label, max(2, value.count("\n") + 1))


def _numbers(data: Mapping[str, Any], part: str, told: Mapping[str, str]) -> str:
    return f'<div class="dials">{joined(_dial(data, f"{part}.{name}", _plain(name), hint) for name, hint in told.items())}</div>'


def _dial(data: Mapping[str, Any], name: str, label: str, hint: str) -> str:
    """A number with a slider beside it; the slider is for hands only and says what the number says."""
    value = held(data, boxes()[name])
    return (
        f'<div class="dial-box"><label for="box-{name}">{esc(label)} <small>{esc(hint)}</small></label>'
        f'<div class="dial-in"><input type="range" min="0" max="10" step="0.5" value="{esc(value or "0")}" tabindex="-1" '
        f'aria-hidden="true" data-for="box-{name}" data-k="range-{name}-{_sum(value)}">'
        f'<input type="number" min="0" max="10" step="0.5" {_named(boxes()[name], value)} value="{esc(value)}"></div></div>'
    )


def _number(data: Mapping[str, Any], name: str, label: str, step: str) -> str:
    box = boxes()[name]
    value = held(data, box)
    return (
        f'<p class="field"><label for="box-{name}">{esc(label)}</label><input type="number" min="{box.low:g}" '
        f'max="{box.high:g}" step="{step}" {_named(box, value)} value="{esc(value)}"></p>'
    )


def _gains(data: Mapping[str, Any], part: str, tags: Sequence[Fault | Technique]) -> str:
    return f'<div class="gains">{joined(_gain(data, part, tag) for tag in tags)}</div>'


def _gain(data: Mapping[str, Any], part: str, tag: Fault | Technique) -> str:
    name = f"{part}.{tag.value}"
    value = held(data, boxes()[name])
    return (
        f'<p class="gain{" set" if value else ""}"><label for="box-{name}">{esc(tag_label(tag))}</label><input '
        f'type="number" min="0" max="4" step="0.1" {_named(boxes()[name], value)} value="{esc(value)}"></p>'
    )


def _tick(data: Mapping[str, Any], name: str, label: str) -> str:
    value = held(data, boxes()[name])
    return (
        f'<label class="pick"><input type="checkbox" {_named(boxes()[name], value)}{" checked" if value else ""}> '
        f"<span>{esc(label)}</span></label>"
    )


def _level(data: Mapping[str, Any], difficulty: Difficulty) -> str:
    rows = joined(
        _number(data, f"levels.{difficulty.value}.{name}", field.description or name, "0.1")
        for name, field in Level.model_fields.items()
    )
    return f'<fieldset class="level"><legend>{difficulty.value.capitalize()}</legend>{rows}</fieldset>'


def versions_card(
    opened: str, known: Sequence[Version], from_shipped: bool, chosen: tuple[str, str], diff: str = ""
) -> str:
    """Every saved version, and what differs between two texts."""
    if not known:
        about = (
            "the shipped one and what is in the editor can still be compared" if from_shipped else "save one under Edit"
        )
        rows = f'<p class="quiet">There is no saved version yet: {about}.</p>'
    else:
        rows = f'<ol class="rows" reversed>{joined(_row(v) for v in reversed(known))}</ol>'
    names = [(str(v.number), f"version {v.number}") for v in reversed(known)]
    names = [("editor", "the editor"), *names, *([(SHIPPED, "as shipped")] if from_shipped else [])]
    return (
        f'<form class="card-box" data-form><h2>Versions</h2><input type="hidden" name="opened" value="{esc(opened)}">{rows}'
        "</form>"
        '<form class="card-box" id="lab-diff-form" data-form><h2>What differs</h2><div class="lab-row">'
        f"{_choice('before', 'From', names, chosen[0])}{_choice('after', 'to', names, chosen[1])}"
        f'<button type="button" class="btn" id="lab-compare" data-act="compare" data-what="{esc(opened)}" '
        f'data-field="lab-text">Compare</button></div>{diff}</form>'
    )


def _choice(name: str, label: str, names: Sequence[tuple[str, str]], chosen: str) -> str:
    options = joined(
        f'<option value="{esc(key)}"{" selected" if key == chosen else ""}>{esc(told)}</option>' for key, told in names
    )
    return f'<label class="inline">{label} <select name="{name}" id="lab-{name}">{options}</select></label>'


def _row(version: Version) -> str:
    note = esc(version.note) if version.note else '<span class="quiet">no note</span>'
    return (
        f'<li class="row" data-k="v{version.number}"><div class="row-text"><b>Version {version.number}</b> '
        f'<p>{note}</p><p class="fine">{esc(when(version.at.timestamp()))}</p></div><div class="tools">'
        f'<button type="button" class="btn" data-act="take" data-what="{version.number}" '
        f'aria-label="Take version {version.number} into the editor">Into the editor</button></div></li>'
    )


def difference(lines: Sequence[str]) -> str:
    """A diff as people read it."""
    if not lines:
        return '<p class="note good">They say the same.</p>'
    kinds = {"+": "plus", "-": "minus", "@": "at"}
    count = sum(line[0] in "+-" for line in lines[2:] if line)
    body = joined(f'<span class="{kinds.get(line[:1], "")}">{esc(line)}\n</span>' for line in lines[2:])
    return (
        f'<p class="fine">{plural(count, "line")} taken out (-) or put in (+)</p><pre class="diff" tabindex="0" '
        f'role="region" aria-label="What differs">{body}</pre>'
    )


def _plain(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _sum(text: str) -> str:
    return f"{crc32(text.encode()):08x}"


def _kept(text: str) -> str:
    """A text area loses the line break that it begins with."""
    return "\n" + text if text.startswith("\n") else text
