"""One line of help during a call, from the caller's state and the last grade. Plain rules, most pressing first."""

from __future__ import annotations

from simulator.call import Call
from simulator.caller.state import Mood
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Fault, Intent, Technique

_HER = {"he": "him", "she": "her", "they": "them"}
_IS = {"he": "he is", "she": "she is", "they": "they are"}
_FEELS = {"he": "he feels", "she": "she feels", "they": "they feel"}


def hint(call: Call) -> str:
    """What would help most now, in one sentence."""
    who, state = call.start.persona, call.state
    them, are = _HER[who.pronoun], _IS[who.pronoun]
    last = call.transcript.last(Speaker.TRAINEE)
    grades = call.grades.get(last.index) if last is not None else None
    doing = state.intents[-1] if state.intents else None
    if last is None or grades is None:
        return "Greet, give your name, and ask how you can help."
    faults, techniques = set(grades.faults), set(grades.techniques)
    level = grades.levels
    if state.accepted:
        return (
            "It is accepted: sum up what happens next and when, check that it is settled, and thank them for something."
        )
    if doing is Intent.INSULT and not state.boundaries:
        return "Stay level. Say once, politely, what you will not take, and what you will do for the problem."
    if doing is Intent.ASK_SUPERVISOR:
        return (
            "A supervisor was asked for: either hand over warmly, with name, reason and time, or say "
            "what you can do at once."
        )
    if Fault.TELLS_TO_CALM_DOWN in faults:
        return f"Nobody calms down on request. Say what happened to {them}, and what it cost."
    if {Fault.EMPATHY_UNDERCUT, Fault.STOCK_EMPATHY, Fault.REPEATS_STOCK_PHRASE} & faults:
        return "Leave the stock phrase out: name a detail that only this caller has told you."
    if Fault.FALSE_PROMISE in faults:
        return "Look again at what you may grant: something was promised that will not hold."
    if Fault.ARGUES in faults or (level.get(Dimension.CALMNESS) or 5) <= 2:
        return "Take one breath before you type. Slower, shorter, and about the problem rather than the person."
    if state.patience < 2:
        return "Patience is nearly gone: name one concrete thing you do now, and by when."
    if state.heard < 2.5:
        return f"Before any fix, say back what happened, so that {_FEELS[who.pronoun]} understood."
    if doing is Intent.WANDER:
        return "Acknowledge it in half a sentence, then lead back: 'So that I get this right for you …'"
    if doing is Intent.WAVER:
        return "Two options at most; say which you would take, and why it is safe."
    if doing in (Intent.DOUBT, Intent.TEST):
        return "Do not persuade: give something that can be checked, a reference, a name, a time."
    if doing is Intent.QUESTION:
        return "There is a question open: answer it first, or say that you are looking it up."
    if state.mood in (Mood.HOT, Mood.BOILING):
        return f"While {are} this angry, acknowledge first; the details can wait one turn."
    if Technique.ASKS_CLARIFYING_QUESTION not in techniques and state.offers == 0 and doing is not Intent.DISCLOSE:
        return "One open question now could bring out what has not been said yet."
    if state.offers == 0:
        return "Time for a concrete step: what, who does it, by when. A choice of two is better still."
    if Technique.GIVES_TIMEFRAME not in techniques:
        return "Put a time to it: when it happens, and when you will be heard from again."
    return "Keep going: confirm the step, and ask whether that settles it."
