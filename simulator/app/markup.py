"""Small pieces of HTML that every screen uses. Whatever comes from people, files or models passes through `esc`."""

from __future__ import annotations

import colorsys
import html
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from simulator.vocabulary import Dimension, Ending, Fault, Intensity, Register, Tag, Technique

DIMENSIONS = {
    Dimension.CALMNESS: "Calm",
    Dimension.EMPATHY: "Empathy",
    Dimension.SOLUTION: "Solution",
    Dimension.CLOSING: "Closing",
}
LEVEL_WORDS = {1: "harmful", 2: "weak", 3: "passable", 4: "good", 5: "excellent"}
TECHNIQUES = {
    Technique.ACKNOWLEDGES_FEELING: "Acknowledges the feeling",
    Technique.RESTATES_CONCERN: "Says back the concern",
    Technique.ASKS_CLARIFYING_QUESTION: "Asks a clarifying question",
    Technique.APOLOGISES: "Apologises",
    Technique.TAKES_OWNERSHIP: "Takes ownership",
    Technique.OFFERS_OPTIONS: "Offers options",
    Technique.GIVES_TIMEFRAME: "Gives a time",
    Technique.NAMES_NEXT_STEP: "Names the next step",
    Technique.POSITIVE_FRAMING: "Says what can be done",
    Technique.REDIRECTS_TO_ISSUE: "Leads back to the issue",
    Technique.REASSURES_CHOICE: "Reassures about the choice",
    Technique.SETS_BOUNDARY: "Sets a boundary",
    Technique.ADMITS_NOT_KNOWING: "Admits not knowing, and checks",
    Technique.ESCALATES: "Hands over",
    Technique.CHECKS_SATISFACTION: "Checks that it is settled",
    Technique.THANKS_CALLER: "Thanks the caller",
    Technique.OFFERS_FOLLOW_UP: "Offers a follow-up",
    Technique.SUMMARISES: "Sums up",
}
FAULTS = {
    Fault.TELLS_TO_CALM_DOWN: "Tells the caller to calm down",
    Fault.BLAMES_CALLER: "Blames the caller",
    Fault.ARGUES: "Argues",
    Fault.DISMISSES: "Dismisses the concern",
    Fault.SARCASM: "Sarcasm",
    Fault.STOCK_EMPATHY: "Stock phrase instead of empathy",
    Fault.EMPATHY_UNDERCUT: "Empathy undercut by what follows",
    Fault.REPEATS_STOCK_PHRASE: "Repeats a stock phrase",
    Fault.HIDES_BEHIND_POLICY: "Hides behind policy",
    Fault.NEGATIVE_FRAMING: "Says only what cannot be done",
    Fault.ASKS_AGAIN: "Asks for what was already given",
    Fault.FALSE_PROMISE: "Promises what cannot be kept",
    Fault.RUSHES: "Rushes the caller",
    Fault.PREMATURE_CLOSE: "Closes too early",
    Fault.IGNORES_QUESTION: "Leaves a question unanswered",
    Fault.BREAKS_ROLE: "Steps out of the role",
}
ENDINGS = {
    Ending.RESOLVED: "Resolved",
    Ending.UNRESOLVED: "Left unresolved",
    Ending.HUNG_UP: "The caller hung up",
    Ending.SUPERVISOR: "Handed to a supervisor",
    Ending.TRAINEE_ENDED: "You ended the call",
    Ending.TURN_LIMIT: "Turn limit reached",
}
ENDED = {e: words.lower() for e, words in ENDINGS.items()} | {Ending.TRAINEE_ENDED: "ended by the trainee"}
"""How a call ended, in the middle of a sentence about somebody else."""
ENDED_BY_YOU = ENDED | {Ending.TRAINEE_ENDED: "ended by you"}
"""The same, to the trainee."""
GOOD_ENDINGS = frozenset({Ending.RESOLVED})
FAIR_ENDINGS = frozenset({Ending.SUPERVISOR})
REGISTERS = {Register.PHONE: "Phone", Register.CHAT: "Chat"}
WORDS = {Intensity.MILD: "mild words", Intensity.REALISTIC: "realistic words", Intensity.HARSH: "harsh words"}


def esc(text: object) -> str:
    """`text` as it may stand between tags and inside a quoted attribute."""
    return html.escape(str(text), quote=True)


def tag_label(tag: Tag) -> str:
    """A technique or fault in words."""
    return TECHNIQUES[tag] if isinstance(tag, Technique) else FAULTS[tag]


def joined(parts: Iterable[str]) -> str:
    """Pieces of HTML, one after the other."""
    return "".join(parts)


def avatar(key: str, name: str, size: int = 44) -> str:
    """A round badge with initials on a two-tone ground; the colours follow from `key` and are the same every time."""
    digest = sha256(key.encode()).digest()
    hue = digest[0] / 255
    ground, band = _colour(hue, 0.36, 0.36), _colour((hue + 0.06) % 1, 0.30, 0.46)
    tilt = digest[1] % 180
    names = [w for w in name.replace(".", " ").split() if w not in {"Mr", "Mrs", "Ms", "Dr"}]
    initials = "".join(w[0] for w in (names[:1] + names[-1:] if len(names) > 1 else names[:1])).upper()
    return (
        f'<svg class="avatar" width="{size}" height="{size}" viewBox="0 0 44 44" aria-hidden="true" focusable="false">'
        f'<rect width="44" height="44" fill="{ground}"/>'
        f'<rect x="-22" y="24" width="88" height="40" fill="{band}" transform="rotate({tilt} 22 22)"/>'
        '<text x="22" y="27.5" text-anchor="middle" font-size="15" font-weight="600" fill="#fff">'
        f"{esc(initials)}</text>"
        "</svg>"
    )


def _colour(hue: float, lightness: float, saturation: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"


def chip(label: str, level: int | None) -> str:
    """One dimension's level: a colour and the same thing in text. `None`: it does not apply."""
    if level is None:
        return f'<span class="chip lv-na" title="{esc(label)}: does not apply here">{esc(label)} <b>–</b></span>'
    return (
        f'<span class="chip lv-{level}" title="{esc(label)}: {level} of 5, {LEVEL_WORDS[level]}">'
        f"{esc(label)} <b>{level}</b></span>"
    )


def mean_class(mean: float | None) -> str:
    """The colour class of a mean level."""
    return "lv-na" if mean is None else f"lv-{min(5, max(1, int(mean + 0.5)))}"


def ending_class(ending: Ending | None) -> str:
    """How an ending is coloured."""
    if ending is None:
        return "open"
    return "good" if ending in GOOD_ENDINGS else "fair" if ending in FAIR_ENDINGS else "bad"


def when(seconds: float) -> str:
    """A moment as a person writes it: `21 Nov 2026, 14:05` (local time)."""
    return f"{datetime.fromtimestamp(seconds):%-d %b %Y, %H:%M}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 turn`, `2 turns`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def icon(name: str) -> str:
    """A line icon, 18 px, drawn in the colour of the text."""
    return (
        '<svg class="icon" width="18" height="18" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
        f"{_ICONS[name]}</svg>"
    )


_ICONS = {
    "phone": '<path d="M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2z"/>',
    "chat": '<path d="M4 5h16v11H9l-5 4z"/>',
    "pause": '<path d="M9 5v14M15 5v14"/>',
    "play": '<path d="M7 5l12 7-12 7z"/>',
    "transfer": '<path d="M4 12h14M13 6l6 6-6 6"/>',
    "end": '<path d="M6 6l12 12M18 6L6 18"/>',
    "chart": '<path d="M4 4v16h16M8 15l4-5 3 3 5-7"/>',
    "shuffle": '<path d="M4 7h3l10 10h3M4 17h3l3-3M14 10l3-3h3M18 4l3 3-3 3M18 14l3 3-3 3"/>',
    "back": '<path d="M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3"/>',
    "down": '<path d="M12 4v12M7 11l5 5 5-5M4 20h16"/>',
    "sun": '<circle cx="12" cy="12" r="4"/><path d="M12 3v2M12 19v2M3 12h2M19 12h2"/>'
    '<path d="M6 6l1 1M17 17l1 1M6 18l1-1M17 7l1-1"/>',
    "clock": '<circle cx="12" cy="12" r="8"/><path d="M12 8v4l3 2"/>',
    "bin": '<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13"/>',
    "check": '<path d="M5 12l5 5 9-10"/>',
    "alert": '<path d="M12 4l9 16H3zM12 10v4M12 17v.5"/>',
    "bulb": '<path d="M9 18h6M10 21h4M12 3a6 6 0 0 1 4 10c-1 1-1 2-1 2H9s0-1-1-2a6 6 0 0 1 4-10z"/>',
}


def of_call(call_id: str, *, opening: bool) -> str:
    """Attributes of a part that is about one call. The page's script lets it take the place of another call's part only
    if it is being opened: so a turn or a search that was left behind never overwrites what is on the screen now."""
    return f'data-call="{esc(call_id)}"{" data-opening" if opening else ""}'
