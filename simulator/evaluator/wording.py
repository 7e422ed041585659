"""Plain-code reading of sentences: where they begin, what they are about, and whether they claim anything at all.

A claim is no question, is not denied, not hedged ("if they approve it", "should") and not somebody else's words ("you
were told"). When in doubt it is no claim: whoever is accused of something here must really have said it. It knows no
scenario.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_END = re.compile(r"(?:[.!?…]+[\"'”’)]*(?=\s|$)|\n+)")
_ABBREVIATED = re.compile(r"\b(?:St|Mr|Mrs|Ms|Dr|No|a\.m|p\.m|e\.g|i\.e|vs|approx)\.$")
_WORD = re.compile(r"[£$€]?[0-9]+(?:[.,:][0-9]+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_CLAUSE = re.compile(
    r"[;–—()]|,(?![0-9]{3})|:(?![0-9])|\s-\s|\b(?:and|but|so|because|although|though|while|which|then|or)\b",
    re.IGNORECASE,
)

_FILLERS = (
    "a an the this that these those it its i i'm i'll i've i'd me my we we're we'll we've our us you you're you'll you've "
    "you'd your yours he she they they're they'll them their is are was were be been being am do does did have has had "
    "will would shall can could may might must should of in on at to for from by with about as into onto up out off and "
    "or but so if then than there here what which who when where how very just also too really now well ok okay right "
    "yes no not never don't doesn't didn't won't can't cannot isn't aren't wasn't it's that's there's let let's please "
    "promise guarantee certain certainly definitely definite sure surely assure absolutely completely totally get got "
    "getting go going come make made put some any all one more as that'll it'll nobody nothing none no-one without "
    "myself yourself itself am'll only even still already again once ever always them'll he's she's what's sort "
    "worry problem actually basically honestly simply thing things relax latest earliest"
)
_STOP = frozenset(_FILLERS.split())
_IRREGULAR = {
    "paid": "pay", "payment": "pay", "payments": "pay", "said": "say", "sent": "send", "found": "find", "bought": "buy",
    "died": "die", "death": "die", "told": "tell", "lost": "lose", "loss": "lose", "gone": "lose", "kept": "keep",
    "took": "take", "taken": "take", "given": "give", "gave": "give", "left": "leave", "rang": "call", "ring": "call",
    "rung": "call", "phone": "call", "phoned": "call", "contact": "call", "speak": "call", "spoke": "call",
    "talk": "call", "reimburse": "refund", "money": "money", "cash": "money", "funds": "money", "mend": "fix",
    "repair": "fix", "repaired": "fix", "mended": "fix", "cure": "fix", "cured": "fix", "solve": "fix",
    "electricity": "power", "compensate": "pay", "compensated": "pay", "cover": "pay", "covers": "pay",
    "covered": "pay", "insurance": "insurer", "erase": "delete", "wipe": "delete", "wiped": "delete", "erased": "delete",
    "remove": "delete", "quiet": "noise", "silent": "noise", "silence": "noise", "noisy": "noise", "sound": "noise",
    "locate": "find", "located": "find", "arrive": "reach", "arrives": "reach", "land": "reach", "lands": "reach",
    "hit": "reach", "hits": "reach", "tonight": "today", "afternoon": "today", "evening": "today", "entire": "whole",
    "full": "whole", "everything": "whole", "test": "exam", "earnings": "wages", "earning": "wages", "income": "wages",
    "pictures": "photo", "photos": "photo", "photographs": "photo", "photograph": "photo", "vehicle": "car",
    "immediate": "instant", "immediately": "instant", "instantly": "instant", "straightaway": "instant",
    "second": "second", "sits": "sit", "sat": "sit", "house": "home", "mum": "mother", "mom": "mother",
    "precisely": "sharp", "exactly": "sharp", "dot": "sharp", "exact": "sharp", "noise": "noise",
    "building": "build", "built": "build", "wrote": "write", "written": "write", "closure": "close", "closed": "close",
    "data": "data", "details": "data", "information": "data", "stolen": "steal", "missing": "lose", "missed": "miss",
}  # fmt: skip

_TOMORROW = re.compile(r"\btomorrow (?:morning|afternoon|evening|night)\b", re.IGNORECASE)
_QUESTION = re.compile(
    r"^(?:and |so |but |ok(?:ay)?,? |right,? )?(?:do|does|did|is|are|was|were|can|could|would|will|shall|should|may|"
    r"have|has|"
    r"what|which|who|when|where|why|how)\b[^?]*\?",
    re.IGNORECASE,
)
"""A question by how it begins, whatever it ends with."""
_MARKED = re.compile(r"\?\W*$")
_TAG = re.compile(r"(?:,|(?<!\s))\s*\b(?:ok(?:ay)?|all ?right|right|yeah|yes|deal|agreed|fair)\s*\?\W*$", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:if (?!you(?:'d|’d| would)? (?:like|want|prefer|wish|take|choose|go with|pick))|unless|whether|should|"
    r"might|may(?= (?!\d))|could|would|hope|hopefully|hoping|"
    r"expect(?:ed|s)?|estimate[ds]?|estimat\w+|probab\w+|likely|perhaps|possib\w+|i think|i believe|aim(?:ing)?|"
    r"try(?:ing)?|tr(?:y|ies) to|"
    r"depend\w*|chance|decide[sd]?|decision|up to (?:them|the|tressel|corbel|claims|him|her)|subject to|"
    r"ask(?:ing)? (?:them|for|corbel|whether|if)|"
    r"request(?:ing)?|intend|wish|like to say|as far as|see if|see whether|check(?:ing)? (?:if|whether|for|with)|"
    r"apply|appl(?:y|ies)|as long as|provided|"
    r"in case|can ask|once (?:we|they|the|it|he|she)|after (?:the|they|we)|until|before (?:the|they|we)|unlikely|"
    r"uncertain|not sure|"
    r"what (?:decides|happens)|search(?:ing|es)?|look(?:s|ing)? (?:for|into)|find out|towards?|claim for|"
    r"open a claim|entitled to ask)\b",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:(?:was|were|been|being|got) (?:told|promised|assured|informed)|(?:told|promised|assured) (?:you|that|her|"
    r"him|them)|said|says|"
    r"say|saying|claim(?:s|ed) that|wrote|written|writes|reads|shows|showed|believed|thought|assumed|supposed|"
    r"wrongly|mistake|in error|"
    r"used to|misled|incorrect\w*|untrue|not true|wrong)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|never|no|nobody|no one|none|nothing|neither|nor|cannot|without|unable|refuse[sd]?|impossible|hardly|"
    r"[^\W\d_]+n['’]t|dont|cant|wont|isnt|doesnt)\b",
    re.IGNORECASE,
)
_IDLE = re.compile(
    r"\b(?:no problem|no worries|don['’]t worry|do not worry|not only|no matter(?: what)?|no doubt|"
    r"without (?:a )?doubt|no question|"
    r"nothing to worry about|need not worry|as i said|like i said|i can say|no longer than|no later than|can['’]t wait|"
    r"i (?:won['’]t|will not) lie|there(?:['’]s| is) no way|i told you(?: that)?|without question|what i say goes)\b",
    re.IGNORECASE,
)
_NO_PROMISE = re.compile(
    r"\b(?:(?:can['’]?t|can ?not|won['’]?t|not|never|unable to|don['’]?t|nobody can|no one can|couldn['’]?t) "
    r"(?:\w+ ){0,2}?(?:promise|guarantee|say|know|tell|commit|be sure|be certain|confirm|swear|speak for|rely)|"
    r"not (?:allowed|able|sure|certain|up to|my|ours|a promise)|no (?:promise|guarantee)s?)\b",
    re.IGNORECASE,
)


_LEADS = re.compile(r"^\W*(?:(?:so|now|then|and|but|first),? )*let(?: me| us|['’]s)\b", re.IGNORECASE)
"""What somebody is about to do, not what will be."""
_CONDITION = re.compile(r"\b(?:if|unless|as long as|provided(?: that)?|in case|depend\w*)\b(?! you\b)", re.IGNORECASE)
"""Makes the whole sentence hang on somebody or something else."""
_STATES = re.compile(
    r"\b(?:will|is|are|am|was|were|be|can|ca|has|have|had|does|do|did|going|gets?|goes|comes?|pays?|opens?|stays?|"
    r"reach\w*|"
    r"arrives?|lands?|makes?|means?|says?|leaves?|refused|died|owes?|paid|came|rang|sent|covers?|gave|went)\b|"
    r"['’](?:ll|s|re|m|ve|d)\b",
    re.IGNORECASE,
)
"""A statement has a verb of this sort; "Check your fuse box" states nothing."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a text, verbatim, where it starts in it, and whether it is a question."""

    text: str
    start: int
    question: bool


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of `text`, trimmed; `text[s.start:s.start + len(s.text)] == s.text` for each."""
    cuts, at = [], 0
    for end in _END.finditer(text):
        if end[0] == "." and _ABBREVIATED.search(text, max(0, end.end() - 8), end.end()):
            continue
        cuts.append((at, end.end()))
        at = end.end()
    cuts.append((at, len(text)))
    out = []
    for begin, stop in cuts:
        piece = text[begin:stop]
        said = piece.strip()
        if any(c.isalnum() for c in said):
            start = begin + piece.index(said)
            asks = _QUESTION.match(said) or _MARKED.search(_TAG.sub("", said))
            out.append(Sentence(said, start, asks is not None))
    return tuple(out)


def clauses(text: str) -> tuple[str, ...]:
    """The pieces of a sentence between commas and joining words."""
    return tuple(p for p in _CLAUSE.split(text) if p.strip())


def _bare(word: str) -> str:
    """A word without its ending; "charge", "charges", "charged" and "charging" become one."""
    for ending, put in (("ies", "y"), ("ing", ""), ("ed", ""), ("s", ""), ("ly", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + put
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


_ALIKE = {_bare(w): _bare(alike) for w, alike in _IRREGULAR.items()}


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without its ending, and one stem for words that mean the same on the telephone."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if word in _IRREGULAR:
        return _bare(_IRREGULAR[word])
    bare = _bare(word)
    return _ALIKE.get(bare, bare)


@lru_cache(maxsize=2048)
def content(text: str) -> frozenset[str]:
    """The stems of what `text` is about, without the words that any sentence has."""
    words = (w.lower().replace("’", "'") for w in _WORD.findall(_TOMORROW.sub("tomorrow", text)))
    return frozenset(stem(w) for w in words if w not in _STOP)


def denied(text: str) -> bool:
    """Whether a clause says that something is not so; "don't worry" denies nothing."""
    return _DENIED.search(_IDLE.sub(" ", text)) is not None


def claims(sentence: str, about: frozenset[str], *, like: str = "") -> bool:
    """Whether `sentence` states, in its own name, something in those of its clauses that hold words of `about`: not
    hedged, not reported, not denied. `like`: words that the claim is known to be made in; a hedge of theirs ("once they
    have the form") is none, and if they deny something the sentence must."""
    plain = _IDLE.sub(" ", sentence)
    if _NO_PROMISE.search(plain) or _LEADS.search(plain) or not _STATES.search(plain):
        return False
    if _CONDITION.search(plain) and not _CONDITION.search(like):
        return False
    touching = [c for c in clauses(plain) if content(c) & about] or [plain]
    known = {m[0].lower() for open_ in (_HEDGE, _REPORTED) for m in open_.finditer(like)}
    if any(m[0].lower() not in known for c in touching for open_ in (_HEDGE, _REPORTED) for m in open_.finditer(c)):
        return False
    return any(denied(c) for c in touching) is denied(like)


def hedged(text: str) -> bool:
    """Whether a sentence leaves open what it says, or tells what others said."""
    plain = _IDLE.sub(" ", text)
    return bool(_HEDGE.search(plain) or _REPORTED.search(plain) or _NO_PROMISE.search(plain))
