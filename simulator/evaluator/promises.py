"""Promises of a trainee turn that the scenario rules out: a wrong promise of the file, too much money, too early a day.

A sentence counts as a wrong promise of the file when it holds most of the rare words of one of the ways to say it, and is
explained better by it than by any true line of the file. Money is too much above the limit that stands for that very
thing, or above every sum in the file. A day is too early for money before the earliest that the file names.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from simulator.assessment import Check, Source
from simulator.evaluator.casefile import CaseFile, Line, tokens
from simulator.evaluator.figures import WEEKDAYS, Kind, figures, plain, spoken
from simulator.evaluator.wording import Sentence, claims, clauses, content, denied
from simulator.scenario import WrongPromise
from simulator.vocabulary import Fault

COVERED = 0.8
"""Share of the weight of a way to say it that a sentence must hold, or:"""
MOSTLY, ALIKE = 0.62, 0.55
"""a smaller share, when the two are alike as a whole (weight in common, of the mean of both)."""
_SHORT = 3
"""Words that a sentence may have beyond a way to say it that is too short to be known by its rare words."""

_ARRIVES = re.compile(
    r"\b(?:(?:be|is|back|money) (?:in|on|into|onto|there|with you)|(?:in|on) (?:your|the) (?:\w+ ){0,2}(?:account|"
    r"card|bank)|with you|"
    r"reach(?:es)? (?:you|your)|arrives?|lands?|shows?|see (?:it|the|your)|have (?:it|the|your|all|back)|get (?:it|"
    r"the|your)|hits?|appears?|"
    r"receive|be (?:yours|paid))\b",
    re.IGNORECASE,
)
_STARTS = re.compile(
    r"\b(?:i|we)(?:['’]m|['’]ll|['’]ve|['’]re| am| will| have| are| can)?(?: \w+ly| just| now)? (?:refund\w*|send\w*|"
    r"sent|start\w*|process\w*|"
    r"issu\w+|rais\w+|put\w*|submit\w*|order\w*|approv\w+|open\w*|clos\w+|mark\w*|set\w*|credit\w*|plac\w+|return\w*|"
    r"add\w*)\b",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\b(?:(?P<today>today|tonight|this (?:afternoon|evening|morning|minute|second)|right now|straight ?away|"
    r"immediately|instantly|"
    r"within (?:the|an) hour|in (?:an hour|(?:a few|\w+) (?:minutes|hours))|at once|same day|"
    r"within (?:\w+ )?(?:minutes|hours))|"
    r"(?P<tomorrow>tomorrow|next (?:working |business )?day|overnight|within 24 hours)|"
    r"(?P<n>[0-9]{1,2}|one|two|three|four|five|six|seven|eight|nine|ten) (?P<open>working |business )?days?|"
    r"(?P<weekday>" + "|".join(WEEKDAYS) + r"))\b",
    re.IGNORECASE,
)
_MONEY_WORDS = frozenset(content("refund money pay"))
_PURSES = frozenset(content("card bank"))
_PAPERS = re.compile(r"\b(?:e-?mail|message|text|confirmation|voucher|statement)s?\b", re.IGNORECASE)
_STAYS = re.compile(r"\b(?:hotel|room|flight|night|letter|pass)s?\b", re.IGNORECASE)
_GIVES = re.compile(
    r"\b(?:(?:i|we)(?:['’]ll|['’]m|['’]re| will| am| are| can| would)?(?: \w+)? (?:giv\w*|refund\w*|credit\w*|pay\w*|"
    r"add\w*|send\w*|"
    r"offer\w*|book\w*|put\w*|compensat\w*|cover\w*|return\w*|reimburs\w*|knock\w*|take)|you(?:['’]ll| will)? (?:get|"
    r"have|receive)|"
    r"is yours|coming to you|com(?:es?|ing) back to you)\b",
    re.IGNORECASE,
)
_GOODWILL = re.compile(
    r"\b(?:goodwill|gesture|compensat\w+|for (?:all )?(?:your|the) (?:trouble|time|inconvenience|wait|stress)|"
    r"to say sorry|by way of apology)\b",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(?:\bup to|\bat most)\s*$", re.IGNORECASE)
_ANYTHING = frozenset(
    content(
        "give refund pay add credit back day money agent account customer card photo line today lost time cost bill send"
    )
)


def wrong_promises(sentence: Sentence, file: CaseFile) -> Check | None:
    """The first thing that this sentence promises against the file, or None."""
    if sentence.question:
        return None
    return _known(sentence, file) or _too_much(sentence, file) or _too_early(sentence, file)


def _known(sentence: Sentence, file: CaseFile) -> Check | None:
    """A wrong promise of the file, in other words."""
    said = tokens(sentence.text)
    denies = denied(sentence.text)
    best: tuple[float, WrongPromise] | None = None
    for promise, words, about in file.temptations:
        shared = said & about
        if len(about) < 2 or len(shared) < 2:
            if not _same(sentence.text, words):
                continue
            share = 1.0
        else:
            share = file.weight(shared) / file.weight(about)
            alike = 2 * file.weight(shared) / (file.weight(said) + file.weight(about))
            if share < MOSTLY or (share < COVERED and alike < ALIKE):
                continue
        if best is not None and share <= best[0]:
            continue
        if not claims(sentence.text, shared, like=words) or _only_starts(sentence.text, words, file):
            continue
        if shared and _truer(said, shared, denies, file):
            continue
        best = share, promise
    if best is None:
        return None
    title = _article(best[1], file)
    return _check(sentence, Source.ARTICLE if title else Source.POLICY, title, best[1].why)


def _truer(said: frozenset[str], shared: frozenset[str], denies: bool, file: CaseFile) -> bool:
    """Whether a true sentence of the file explains more of what was said, the rarest of the `shared` words included."""
    rarest, least = file.rarest(shared), file.weight(shared)
    return any(t.denies is denies and rarest in t.words and file.weight(said & t.words) > least for t in file.truths)


def _same(text: str, words: str) -> bool:
    """Whether a short sentence says nearly the same words as a way to say it that has hardly a rare word."""
    one, other = (re.findall(r"[\w£$€'’]+", t.lower().replace("’", "'")) for t in (text, words))
    return len(one) <= len(other) + _SHORT and set(other) <= set(one)


def _only_starts(text: str, words: str, file: CaseFile) -> bool:
    """Whether the sentence says when something is set going, or when a message comes, and the wrong promise when it, or
    the thing itself, is there."""
    if _PAPERS.search(text) and not _PAPERS.search(words):
        return True
    named, wrong = days(text, file), days(words, file)
    if named and wrong and max(named) > max(wrong):  # the day that counts is a later one
        return True
    return bool(
        _WHEN.search(words)
        and _ARRIVES.search(words)
        and _STARTS.search(text)
        and not (_ARRIVES.search(text) and not _STARTS.search(text))
    )


def _article(promise: WrongPromise, file: CaseFile) -> str:
    """Title of the article that speaks most clearly of what this promise is about; '' if none does."""
    about = tokens(f"{promise.promise} {promise.why}")
    scored = [(file.weight(about & one.words), one.title) for one in file.lines if one.source is Source.ARTICLE]
    best = max(scored, default=(0.0, ""))
    return best[1] if best[0] >= 0.3 * file.weight(about) else ""


def _too_much(sentence: Sentence, file: CaseFile) -> Check | None:
    """Money above the limit for that thing, or above every sum in the file."""
    given = [f for f in figures(sentence.text) if f.kind is Kind.MONEY and f.value not in file.pairs]
    if not given or not file.amounts or not _GIVES.search(sentence.text):
        return None
    goodwill = content("goodwill") if _GOODWILL.search(sentence.text) else frozenset()
    for clause in clauses(sentence.text):
        about = tokens(clause)
        for figure in given:
            if sentence.text[figure.start : figure.end] not in clause or not claims(clause, about):
                continue
            limit = _limit(about | goodwill, figure.unit, file)
            if limit is not None and figure.value > limit[0]:
                one = limit[1]
                return _check(sentence, one.source, one.title, one.says)
            top = _highest(file)
            most = max(file.amounts)
            reached = figure.value <= 2 * most and figure.value in file.sums | file.derived
            if figure.value > most and not reached and top is not None:
                return _check(sentence, top.source, top.title, top.says)
    return None


def _limit(about: frozenset[str], unit: str, file: CaseFile) -> tuple[int, Line] | None:
    """The highest "up to" of the file for something that `about` names, in pence, with its line."""
    found: list[tuple[int, Line]] = []
    for one in file.lines:
        for f in one.figures:
            if f.kind is Kind.MONEY and f.unit == unit and _LIMIT.search(one.says, 0, f.start):
                clause = next((c for c in clauses(one.says) if one.says[f.start : f.end] in c), one.says)
                if (content(clause) & about) - _ANYTHING:
                    found.append((f.value, one))
    return max(found, key=lambda pair: pair[0], default=None)


def _highest(file: CaseFile) -> Line | None:
    """What the trainee may grant with the highest sum in it, else any line with the highest sum."""
    with_sums = [(max(f.value for f in one.figures if f.kind is Kind.MONEY), one)
                 for one in file.lines if any(f.kind is Kind.MONEY for f in one.figures)]  # fmt: skip
    granted = [pair for pair in with_sums if pair[1].source is Source.AUTHORITY] or with_sums
    return max(granted, key=lambda pair: pair[0])[1] if granted else None


def _too_early(sentence: Sentence, file: CaseFile) -> Check | None:
    """Money promised for a day before the earliest that the file names for money."""
    if file.today is None:
        return None
    promised: list[date] = []
    for clause in clauses(sentence.text):
        about = tokens(clause)
        money = about & _MONEY_WORDS or about & _PURSES or any(t.startswith("#money") for t in about)
        if (
            money
            and _ARRIVES.search(clause)
            and not _STARTS.search(clause)
            and not (_PAPERS.search(clause) or _STAYS.search(clause))
        ):
            promised += days(clause, file) if claims(clause, about) else []
    if not promised:
        return None
    allowed = [
        (day, one)
        for one in file.lines
        if one.source in (Source.AUTHORITY, Source.POLICY, Source.ARTICLE) and one.words & _MONEY_WORDS
        for day in days(one.says, file)
    ]
    if not allowed:
        return None
    earliest, one = min(allowed, key=lambda pair: pair[0])
    if max(promised) >= earliest or any(day >= earliest for day in days(sentence.text, file)):
        return None
    return _check(sentence, one.source, one.title, one.says)


def days(text: str, file: CaseFile) -> list[date]:
    """The days that a text names from the day of the call on: dates, weekdays, today, three working days, ..."""
    if file.today is None:
        return []
    now = file.today[0]
    dated = [f for f in figures(text) if f.kind is Kind.DATE]
    out = [day for f in dated if (day := file.day(f)) is not None and day >= now]
    for m in _WHEN.finditer(plain(text)):
        if m["today"]:
            out.append(now)
        elif m["tomorrow"]:
            out.append(now + timedelta(1))
        elif m["n"]:
            n = int(m["n"]) if m["n"].isdigit() else spoken(m["n"]) or 0
            out.append(_later(now, n) if m["open"] else now + timedelta(n))
        elif not any(f.start <= m.start() < f.end for f in dated):
            ahead = (WEEKDAYS.index(m["weekday"].lower()) - now.weekday()) % 7 or 7
            out.append(now + timedelta(ahead))
    return out


def _later(day: date, working: int) -> date:
    """So many working days after `day`."""
    while working > 0:
        day += timedelta(1)
        working -= day.weekday() < 5
    return day


def _check(sentence: Sentence, source: Source, title: str, says: str) -> Check:
    return Check(
        fault=Fault.FALSE_PROMISE, quote=sentence.text, start=sentence.start, source=source, title=title, says=says
    )
