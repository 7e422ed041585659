"""The program's closed lists of words, each in one place: dimensions, tags, intents, endings, registers, difficulties,
how harsh a caller may be.

Nothing here knows what the words do; that is said by the modules which use them.
"""

from __future__ import annotations

from enum import StrEnum


class Dimension(StrEnum):
    """What a trainee turn is graded on, each 1-5 or not applicable (levels: `rubric.py`)."""

    CALMNESS = "calmness"
    EMPATHY = "empathy"
    SOLUTION = "solution"
    CLOSING = "closing"


class Technique(StrEnum):
    """Something good that a trainee turn does."""

    ACKNOWLEDGES_FEELING = "acknowledges_feeling"
    RESTATES_CONCERN = "restates_concern"
    ASKS_CLARIFYING_QUESTION = "asks_clarifying_question"
    APOLOGISES = "apologises"
    TAKES_OWNERSHIP = "takes_ownership"
    OFFERS_OPTIONS = "offers_options"
    GIVES_TIMEFRAME = "gives_timeframe"
    NAMES_NEXT_STEP = "names_next_step"
    POSITIVE_FRAMING = "positive_framing"
    REDIRECTS_TO_ISSUE = "redirects_to_issue"
    REASSURES_CHOICE = "reassures_choice"
    SETS_BOUNDARY = "sets_boundary"
    ADMITS_NOT_KNOWING = "admits_not_knowing"
    ESCALATES = "escalates"
    CHECKS_SATISFACTION = "checks_satisfaction"
    THANKS_CALLER = "thanks_caller"
    OFFERS_FOLLOW_UP = "offers_follow_up"
    SUMMARISES = "summarises"


class Fault(StrEnum):
    """Something that a trainee turn should not do."""

    TELLS_TO_CALM_DOWN = "tells_to_calm_down"
    BLAMES_CALLER = "blames_caller"
    ARGUES = "argues"
    DISMISSES = "dismisses"
    SARCASM = "sarcasm"
    STOCK_EMPATHY = "stock_empathy"
    EMPATHY_UNDERCUT = "empathy_undercut"
    REPEATS_STOCK_PHRASE = "repeats_stock_phrase"
    HIDES_BEHIND_POLICY = "hides_behind_policy"
    NEGATIVE_FRAMING = "negative_framing"
    ASKS_AGAIN = "asks_again"
    FALSE_PROMISE = "false_promise"
    RUSHES = "rushes"
    PREMATURE_CLOSE = "premature_close"
    IGNORES_QUESTION = "ignores_question"
    BREAKS_ROLE = "breaks_role"


Tag = Technique | Fault


class Intent(StrEnum):
    """What the caller does with one turn."""

    OPEN = "open"
    VENT = "vent"
    REPEAT = "repeat"
    DEMAND = "demand"
    DOUBT = "doubt"
    TEST = "test"
    QUESTION = "question"
    WANDER = "wander"
    WAVER = "waver"
    CORRECT = "correct"
    DISCLOSE = "disclose"
    BARGAIN = "bargain"
    ASK_SUPERVISOR = "ask_supervisor"
    INSULT = "insult"
    THREATEN = "threaten"
    REFUSE = "refuse"
    SOFTEN = "soften"
    ACCEPT = "accept"
    THANK = "thank"
    HANG_UP = "hang_up"


class Occasion(StrEnum):
    """What a trainee turn did that some of a caller's lines answer and make no sense without."""

    BELITTLED = "belittled"
    """Was rude, mocking, dismissive, or blamed the caller."""
    HUSHED = "hushed"
    """Told the caller to calm down."""
    SCRIPTED = "scripted"
    """Said form sentences, as if read off a card."""
    APOLOGISED = "apologised"
    COMFORTED = "comforted"
    """Acknowledged the feeling; was truly kind."""
    PROMISED = "promised"
    """Said what will be done, or when."""
    LOOKING = "looking"
    """Is looking something up, or asks to wait."""
    REFUSED = "refused"
    """Said no, or named a rule."""
    ASKED = "asked"
    """Asked something; under `disclose` stands what comes before an answer, elsewhere what is said for want of one."""
    ASKED_NAME = "asked_name"
    ASKED_CONTACT = "asked_contact"
    """Asked for a number or address at which they can be reached."""
    ASKED_BIRTH = "asked_birth"
    ASKED_HOME = "asked_home"
    """Asked whom they live with, or who is there."""
    ASKED_WORK = "asked_work"
    ASKED_FEELING = "asked_feeling"
    ASKED_FREE = "asked_free"
    """Asked when it would suit them."""
    HANDED_OVER = "handed_over"
    """Passes the caller on, or offers to."""
    CHOICE = "choice"
    """Offered two or more options."""
    WORDY = "wordy"
    """Explained at length."""
    CURT = "curt"
    """Said next to nothing."""
    THANKED = "thanked"
    ANYTHING_ELSE = "anything_else"
    """Asked whether that was all, or wraps up."""


class Ending(StrEnum):
    """How a call ended, decided by state."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    HUNG_UP = "hung_up"
    SUPERVISOR = "supervisor"
    TRAINEE_ENDED = "trainee_ended"
    TURN_LIMIT = "turn_limit"


class Register(StrEnum):
    """How the two talk: aloud, or typing."""

    PHONE = "phone"
    CHAT = "chat"


class Difficulty(StrEnum):
    """How hard a persona is to win: it changes gains, patience and disclosure, not adjectives."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


class Intensity(StrEnum):
    """How harsh a caller's abuse may be: it changes how often they insult and threaten, and which words may pass."""

    MILD = "mild"
    REALISTIC = "realistic"
    HARSH = "harsh"


class Style(StrEnum):
    """How people differ in telling one and the same thing. `ANY`: nobody in particular, fit for everybody."""

    CURT = "curt"
    PLAIN = "plain"
    INDIGNANT = "indignant"
    CHATTY = "chatty"
    DRY = "dry"
    ANXIOUS = "anxious"
    ANY = "any"


class RootCause(StrEnum):
    """Why people call in anger, by the training literature behind this project."""

    UNRESOLVED = "unresolved"
    MISCOMMUNICATION = "miscommunication"
    EMOTION = "emotion"
    URGENCY = "urgency"
    UNCLEAR = "unclear"


class Feeling(StrEnum):
    """The four quantities of a caller's state, each 0-10."""

    AGITATION = "agitation"
    TRUST = "trust"
    PATIENCE = "patience"
    HEARD = "heard"


class TurnsFrom(StrEnum):
    """Where the turns come from that a facilitator rates to compare themself with the grader."""

    SHIPPED = "shipped"
    OWN = "own"


def plain(name: str) -> str:
    """A member of these lists, or another identifier, as words: `gives_timeframe` → `gives timeframe`."""
    return name.replace("_", " ")
