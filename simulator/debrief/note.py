"""The wrap-up note against what happened: does it name the problem, what was promised, how the call ended, and nothing
that nobody said? Compared by words and figures, so it may be wrong: every comment says what it looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from simulator.call import Call
from simulator.errors import shorten
from simulator.vocabulary import Ending

STEM = 5
"""Words count as the same when their first letters agree up to here ('cancelled', 'cancels')."""
_STOP = frozenset({
    "about", "after", "again", "also", "been", "before", "being", "both", "could", "does", "doing", "done", "down",
    "ever", "every", "from", "gave", "give", "goes", "going", "have", "having", "here", "into", "just", "like",
    "made", "make", "more", "most", "much", "must", "need", "never", "only", "other", "over", "rang", "said",
    "same", "shall", "should", "some", "still", "such", "take", "than", "that", "their", "them", "then", "there",
    "these", "they", "thing", "think", "this", "those", "time", "told", "until", "very", "want", "were", "what",
    "when", "where", "which", "while", "will", "with", "without", "would", "your", "yours", "caller", "customer",
    "called", "call", "today",
})  # fmt: skip
"""Words that say nothing about a call."""
_WORD = re.compile(r"[a-z][a-z'-]{3,}")
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_CLAIM = re.compile(
    rf"[£$€]\s?\d[\d,]*(?:\.\d+)?|\b\d[\d,]*(?:\.\d+)?\s?(?:pounds|dollars|euros|per ?cent|%)|\b\d{{1,2}}[:.]\d{{2}}\b"
    rf"|\b\d{{1,2}}\s?(?:am|pm)\b|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?(?:{_MONTHS})\b|\b(?:{_MONTHS})\s\d{{1,2}}\b"
    rf"|\b(?:{_DAYS})\b|\b\d[\d,]*\.\d+\b|\b\d{{2,}}\b",
    re.IGNORECASE,
)
_ENDED: dict[Ending, tuple[str, ...]] = {
    Ending.RESOLVED: ("accept", "agreed", "agrees", "happy", "resolved", "settled", "satisfied", "closed", "confirmed"),
    Ending.SUPERVISOR: ("supervisor", "manager", "hand", "transfer", "escalat", "passed", "put through"),
    Ending.HUNG_UP: ("hung up", "hang up", "put the phone down", "disconnect", "cut off", "ended the call", "rang off"),
    Ending.UNRESOLVED: ("unresolved", "not resolved", "open", "gave up", "not settled", "no agreement", "unhappy"),
    Ending.TRAINEE_ENDED: ("i ended", "ended", "open", "unresolved", "not resolved", "not settled", "no agreement"),
    Ending.TURN_LIMIT: ("open", "unresolved", "not resolved", "no agreement", "not settled", "ended"),
}
_WORDS_FOR: dict[Ending, str] = {
    Ending.RESOLVED: "that the caller accepted",
    Ending.SUPERVISOR: "to whom the call was handed over",
    Ending.HUNG_UP: "that the caller hung up",
    Ending.UNRESOLVED: "that the caller gave up with the problem open",
    Ending.TRAINEE_ENDED: "that you ended the call with the problem open",
    Ending.TURN_LIMIT: "that the call ended with the problem open",
}
_ROSY = re.compile(r"(?<!not )(?<!un)(?<!dis)\b(resolved|satisfied|happy|sorted|settled|accepted)\b", re.IGNORECASE)


def note_comments(call: Call) -> tuple[str, ...]:
    """What to say about the note; nothing as long as the call is going on and there is none."""
    note = call.note.strip()
    if not call.moves:
        return ()
    if not note:
        if call.ended is None:
            return ()
        return ("There is no note. Whoever takes the next call will ask this caller to tell everything again.",)
    found = [*_problem(call, note), *_promises(call, note), *_ending(call, note), *_unsaid(call, note)]
    if found:
        return tuple(found)
    parts = (
        "the problem, what was promised and how the call ended" if call.state.ledger else "the problem and the ending"
    )
    return (f"The note agrees with the call: it names {parts}, and no figure that nobody mentioned.",)


def _problem(call: Call, note: str) -> list[str]:
    scenario = call.start.scenario
    about = _stems(f"{scenario.title} {scenario.issue} {scenario.opening} {scenario.wants}")
    if len(about & _stems(note)) >= 2:
        return []
    return [f"The note does not say what the call was about: {shorten(scenario.issue, 160)}"]


def _promises(call: Call, note: str) -> list[str]:
    """A promise with figures counts as noted when the note has one of them; one without, when the note has a third of
    its longer words that are not the problem's own. Once one is noted, only those with figures are asked for: many a
    promise is kept while the call still goes on."""
    scenario = call.start.scenario
    stems, figures = _stems(note), _figures(note)
    common = _stems(f"{scenario.title} {scenario.issue}")
    lacking, kept = [], False
    for quote in dict.fromkeys(promise.quote for promise in call.state.ledger):
        own, words = _figures(quote), _stems(quote) - common
        if own & figures if own else len(words & stems) * 3 >= len(words):
            kept = True
        else:
            lacking.append(quote)
    if kept:
        lacking = [quote for quote in lacking if _figures(quote)]
    return [f"The note does not say that you promised: “{shorten(quote, 140)}”" for quote in lacking][:3]


def _ending(call: Call, note: str) -> list[str]:
    if call.ended is None:
        return []
    ending, lower = call.ended.ending, note.lower()
    rosy = _ROSY.search(note)
    if ending not in {Ending.RESOLVED, Ending.SUPERVISOR} and rosy:
        return [
            f"The note says “{rosy.group(0)}”, but nothing was accepted in this call. The next person would believe "
            "the note and not the caller."
        ]
    if any(word in lower for word in _ENDED[ending]):
        return []
    return [f"The note does not say {_WORDS_FOR[ending]}."]


def _unsaid(call: Call, note: str) -> list[str]:
    """Amounts, dates and times of the note that are neither in the call nor in the facts and the record."""
    scenario = call.start.scenario
    told = set(call.state.disclosed)
    known = " ".join(
        (
            *(turn.text for turn in call.transcript),
            *(f"{fact.text} {fact.say}" for fact in scenario.facts),
            *(f"{fact.text} {fact.say}" for fact in scenario.hidden if fact.id in told),
            *(f"{entry.label} {entry.value}" for entry in scenario.record),
            *(scenario.opening, scenario.issue, scenario.title),
        )
    ).lower()
    figures, times = _figures(known), _times(known)
    strange = []
    for match in _CLAIM.finditer(note):
        claim = match.group(0)
        day = re.search(_DAYS, claim, re.IGNORECASE)
        hour = re.fullmatch(r"(\d{1,2})\s?(am|pm)", claim, re.IGNORECASE)
        if day:
            fine = day.group(0).lower() in known
        elif hour:
            fine = _times(claim.lower()) <= times
        else:
            fine = _figures(claim) <= figures
        if not fine:
            strange.append(claim.strip())
    return [f"“{claim}” is in the note, but nobody mentioned it in the call." for claim in dict.fromkeys(strange)][:3]


def _stems(text: str) -> set[str]:
    return {word[:STEM] for word in _WORD.findall(text.lower()) if word not in _STOP}


def _figures(text: str) -> set[str]:
    """Numbers without separators, leading zeros and pence of .00."""
    found: Iterable[str] = re.findall(r"\d[\d,.:]*\d|\d", text)
    return {re.sub(r"[,:]", "", number.replace(":", ".").removesuffix(".00")).lstrip("0") for number in found}


def _times(text: str) -> set[int]:
    """Full hours named in a text, 0-23: '5 pm' and '17:00' are the same."""
    found = {int(h) for h, _ in re.findall(r"\b(\d{1,2})([:.]00)\b", text) if int(h) < 24}
    for hour, half in re.findall(r"\b(\d{1,2})(?:[:.]00)?\s?(am|pm)\b", text):
        found.add((int(hour) % 12) + (12 if half == "pm" else 0))
    return found
