"""Wires the parts of the program: caller's model, evaluator, store and the user's own folders. Nothing else does.

It opens things and hands them over; it neither plays calls nor draws screens. Whatever cannot be opened is a
SimulatorError of one sentence.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Self

from simulator.ahead import Ahead, Pause
from simulator.calibration.scaled import Scaled, machine_of
from simulator.call import Call, Due
from simulator.caller.principles import Keeper
from simulator.caller.stand_in import ServerVoice
from simulator.caller.voice import Voice
from simulator.caller.written import WrittenVoice
from simulator.errors import ModelFormatError, UnknownNameError
from simulator.evaluator import heads
from simulator.evaluator.grader import Evaluator
from simulator.evaluator.second_opinion import SecondOpinion
from simulator.models.base import DecidingModel, FeatureModel, LanguageModel, Sampling, Source
from simulator.models.choose import choose_model, open_model
from simulator.models.loading import prepare
from simulator.models.server import ServerModel
from simulator.models.weights import MODELS, Progress, ensure, ready
from simulator.places import Places
from simulator.rehearsal import Rehearsal, Rehearsals
from simulator.scenario import Brief
from simulator.session import Grader, Speech, situation
from simulator.settings import Settings
from simulator.settings import settings as current_settings
from simulator.transcript import Speaker, Transcript, Turn

if TYPE_CHECKING:
    from simulator.calibration.records import OffsetMap
    from simulator.store import Store

_GREETING = Turn(0, Speaker.TRAINEE, "Good morning, how can I help you?")


@dataclass(slots=True)
class Parts:
    """What plays a call: a voice and a grader; the models behind them (None: none); why these (`told`: sentences);
    `second`: who gives second opinions, if anybody, and `second_model`, if it is none of the other two; `stand_in`: the
    model, one of those, that speaks where the caller's fails."""

    voice: Speech
    evaluator: Grader
    told: str = ""
    model: LanguageModel | None = None
    grading_model: LanguageModel | None = None
    second: SecondOpinion | None = None
    second_model: LanguageModel | None = None
    stand_in: LanguageModel | None = None

    def warm_up(self) -> None:
        """Use every part once, so that the first turn does not pay for what only happens once. Raises ModelError."""
        for model in (self.model, self.stand_in):
            if model is not None and model.info.source is not Source.SERVER:
                _read(model, ("Caller:",), key=None)
        self.evaluator.grade(_GREETING, Transcript(), Brief("a shop", "Something is wrong"))

    def read_ahead(self, call: Call, key: str, pause: Pause | None = None) -> None:
        """Let the local models read what is known of a call before its next turn, under the cache keys that its session
        uses: that is then not waited for. Changes no words and no grades. Raises ModelError, and what `pause` raises."""
        machine = machine_of(self.evaluator)
        if isinstance(machine, Evaluator):  # first, as it is needed first
            machine.read_ahead(call.transcript, call.start.scenario.brief, cache_key=key, pause=pause)
        if isinstance(self.voice, Voice):
            self.voice.read_ahead(situation(call, key), pause)

    def close(self) -> None:
        """Let go of the models."""
        for model in (self.model, self.grading_model, self.second_model):
            if model is not None:
                model.close()


class ReadyRehearsals(Rehearsals):
    """Rehearsals whose models read ahead in the background, while the trainee reads, thinks and types: a new call's preface,
    a call that is taken up again, what the caller has just said."""

    def __init__(self, parts: Parts, store: Store, settings: Settings) -> None:
        places = Places(settings.turns_at_once, settings.turns_waiting)
        super().__init__(
            parts.voice, parts.evaluator, store, own_data=settings.data_dir, second=parts.second, places=places
        )
        self.parts, self.told = parts, parts.told
        self.ahead = Ahead()

    def warm_up(self) -> None:
        """Use the models once, in the background. A failure is logged: the first turn will tell it."""
        self.ahead.ask("warm up", lambda _: self.parts.warm_up())

    @contextmanager
    def playing(self, rehearsal: Rehearsal) -> Iterator[None]:
        """What is done in the background waits; when the turn is over, the call is read ahead to its end."""
        with super().playing(rehearsal), self.ahead.playing(rehearsal.id):
            yield
        self._read_ahead(rehearsal)

    def put_away(self, call_id: str) -> None:
        """Forget the open session, and read no further for it."""
        self.ahead.forget(call_id)
        super().put_away(call_id)

    def close(self) -> None:
        """Let go of models and store. No call may be in the middle of a turn."""
        super().close()
        self.ahead.close()
        self.parts.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, rehearsal: Rehearsal) -> Rehearsal:
        found = super()._keep(rehearsal)
        self._read_ahead(found)
        return found

    def _read_ahead(self, rehearsal: Rehearsal) -> None:
        """What is known of that call now, if the trainee is about to speak in it."""
        call = rehearsal.call
        if call.due is Due.TRAINEE:
            self.ahead.ask(rehearsal.id, lambda pause: self.parts.read_ahead(call, rehearsal.id, pause))


def open_rehearsals(
    model: str | None = None,
    evaluator: str | None = None,
    *,
    progress: Progress | None = None,
    settings: Settings | None = None,
    written: bool = False,
    second_opinion: str | None = None,
) -> ReadyRehearsals:
    """Everything a screen needs. `model`, `evaluator` and `second_opinion` as in the settings, which are the default;
    `written`: no caller's model, the persona's written lines only. `.told` says which model was chosen, and why."""
    from simulator.store import open_store

    chosen = settings or current_settings()
    store = open_store(chosen.database)
    try:
        second = chosen.second_opinion if second_opinion is None else second_opinion
        parts = open_parts(
            model,
            evaluator,
            progress=progress,
            settings=chosen,
            written=written,
            second_opinion=second,
            stand_in=chosen.server_stand_in,
        )
        parts.evaluator = Scaled(parts.evaluator, store.calibration.active)
        return ReadyRehearsals(parts, store, chosen)
    except BaseException:
        store.close()
        raise


def scale_in_use(settings: Settings | None = None) -> OffsetMap | None:
    """The organisation's scale that grades are on now; None where none was adopted, or nothing is kept yet. For whoever
    grades without a store: it makes no file. Raises StoreError."""
    from simulator.store import is_made, open_store

    where = (settings or current_settings()).database
    if not is_made(where):
        return None
    with open_store(where) as store:
        return store.calibration.active()


def on_scale(grader: Grader, settings: Settings | None = None) -> Grader:
    """That grader on the organisation's scale that is in use now, if there is one. Raises StoreError."""
    scale = scale_in_use(settings)
    return grader if scale is None else Scaled(grader, lambda: scale)


def open_parts(
    model: str | None = None,
    evaluator: str | None = None,
    *,
    progress: Progress | None = None,
    settings: Settings | None = None,
    written: bool = False,
    second_opinion: str = "",
    stand_in: bool = False,
) -> Parts:
    """Voice and evaluator, without a store; the model `second_opinion`, too, unless that is empty. `stand_in`: where the
    caller's model is on a server and fails, the evaluator's speaks. Raises ModelError and its kin."""
    chosen, another = settings or current_settings(), second_opinion.strip()
    asked = "" if written else (model if model is not None else chosen.model).strip()
    with ExitStack() as opened:
        second: tuple[SecondOpinion, LanguageModel | None] | None = None
        if another and another not in (asked, "auto", *MODELS):
            # First, as it may come from the hub: opening an embedded model that is ready sends the program offline.
            second = open_second_opinion(another, {}, progress, chosen)
            if second[1] is not None:
                opened.callback(second[1].close)
        parts, known = _voice_and_evaluator(model, evaluator, progress, chosen, written=written, stand_in=stand_in)
        if another:
            opened.callback(parts.close)
            parts.second, parts.second_model = second or open_second_opinion(another, known, progress, chosen)
            parts.told += f" {parts.second.model_name} gives second opinions."
            go_offline()
        opened.pop_all()  # all is well: nothing of it is closed here
    return parts


def _voice_and_evaluator(
    model: str | None,
    evaluator: str | None,
    progress: Progress | None,
    chosen: Settings,
    *,
    written: bool,
    stand_in: bool,
) -> tuple[Parts, dict[str, LanguageModel]]:
    """The parts, and their models by the words that name them."""
    asked = (model if model is not None else chosen.model).strip()
    if written:
        grader, its_model = open_evaluator(evaluator, progress=progress, settings=chosen)
        told = f"The caller says written lines only; {its_model.info.name} grades."
        return Parts(WrittenVoice(), grader, told, None, its_model), {_embedded(its_model): its_model}
    why = f"{asked}, as you asked."
    if asked == "auto":
        choice = choose_model(chosen.cache_dir)
        asked, why = choice.model, choice.reason
    go_offline_if(asked, chosen)
    caller = open_model(asked, progress=progress, settings=chosen)
    try:
        stand_in = stand_in and isinstance(caller, ServerModel)
        grader, its_model = open_evaluator(
            evaluator, caller=caller, progress=progress, settings=chosen, speaks=stand_in
        )
    except BaseException:
        caller.close()
        raise
    go_offline()
    told = f"The caller's model is {why[:-1] if why.endswith('.') else why}; {its_model.info.name} grades"
    keeper = Keeper(caller) if chosen.keep_principles and isinstance(caller, DecidingModel) else None
    parts = Parts(Voice(caller, keeper), grader, f"{told}.", caller, None if its_model is caller else its_model)
    if isinstance(caller, ServerModel):
        parts.stand_in = its_model if stand_in else None
        parts.voice = ServerVoice(caller, chosen.server_deadline, Voice(its_model) if stand_in else None)
        parts.told = f"{told}, and speaks where the server fails." if stand_in else parts.told
    return parts, {_embedded(its_model): its_model, asked: caller}


def open_graders(
    evaluator: str | None = None,
    second_opinion: str | None = None,
    *,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> tuple[Evaluator, SecondOpinion | None, tuple[LanguageModel, ...]]:
    """The evaluator, who gives second opinions (None: nobody), and their models, to be closed. Both words default to the
    settings. Raises ModelError and its kin."""
    chosen = settings or current_settings()
    another = (chosen.second_opinion if second_opinion is None else second_opinion).strip()
    with ExitStack() as opened:
        second: SecondOpinion | None = None
        other: LanguageModel | None = None
        if another and another not in ("auto", *MODELS):  # first, for the reason that `open_parts` gives
            second, other = open_second_opinion(another, {}, progress, chosen)
            if other is not None:
                opened.callback(other.close)
        grader, model = open_evaluator(evaluator, progress=progress, settings=chosen)
        opened.callback(model.close)
        if another and second is None:
            second, other = open_second_opinion(another, {_embedded(model): model}, progress, chosen)
        opened.pop_all()  # all is well: nothing of it is closed here
    return grader, second, (model,) if other is None else (model, other)


def open_second_opinion(
    name: str,
    known: Mapping[str, LanguageModel] | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
) -> tuple[SecondOpinion, LanguageModel | None]:
    """Who gives second opinions, and the model behind it if that had to be opened: None where it is one of those
    `known` by that name already. Any words that name a caller's model will do. Raises ModelError and its kin."""
    chosen, asked = settings or current_settings(), name.strip()
    if asked == "auto":
        asked = choose_model(chosen.cache_dir).model
    model = (known or {}).get(asked)
    shared = model is not None
    if model is None:
        go_offline_if(asked, chosen)
        model = open_model(asked, progress=progress, settings=chosen)
    if not isinstance(model, DecidingModel):
        raise ModelFormatError(f"{model.info.name} cannot choose between answers, so it gives no second opinion.")
    return SecondOpinion(model), None if shared else model


def open_evaluator(
    name: str | None = None,
    *,
    caller: LanguageModel | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
    speaks: bool = False,
) -> tuple[Evaluator, LanguageModel]:
    """The evaluator and the model it reads with: `caller` itself where that is the embedded model wanted; `speaks`: it may
    have to find words, too.

    auto: the caller's model if it is an embedded one for which heads ship, else small (else whatever heads ship for).
    Raises UnknownNameError for another name, ModelFormatError where no heads ship.
    """
    chosen = settings or current_settings()
    asked = (name if name is not None else chosen.evaluator).strip()
    if asked not in ("auto", *MODELS):
        raise UnknownNameError("evaluator", asked, ("auto", *MODELS))
    base = _base(asked, caller)
    numbers = heads.load(base)
    model: LanguageModel
    if caller is not None and _embedded(caller) == base:
        model = caller
    else:
        go_offline_if(base, chosen)
        fitting = chosen if speaks else chosen.model_copy(update={"tuned": False})  # only who speaks needs the adapter
        model = open_model(base, progress=progress, settings=fitting)
    if not isinstance(model, FeatureModel):
        raise ModelFormatError(f"{model.info.name} does not show its layers, so it cannot grade.")
    return Evaluator(model, numbers), model


def needed(model: str, evaluator: str) -> tuple[str, ...]:
    """Names of the embedded models that these two words will want, the caller's first (auto is not resolved here)."""
    caller = (model,) if model in MODELS else ()
    if evaluator in MODELS:
        return tuple(dict.fromkeys((*caller, evaluator)))
    shared = [name for name in caller if heads_ship(name)]
    rest = () if shared else tuple(name for name in ("small", "standard") if heads_ship(name))[:1]
    return tuple(dict.fromkeys((*caller, *rest)))


def set_up(model: str, evaluator: str, progress: Progress, settings: Settings | None = None) -> dict[str, int]:
    """Fetch and convert what is needed: name → bytes of its folder. Immediate where it is there. Raises ModelError."""
    chosen, sizes = settings or current_settings(), dict[str, int]()
    for name in needed(model, evaluator):
        folder = ready(name, cache_dir=chosen.cache_dir) or ensure(name, progress=progress, cache_dir=chosen.cache_dir)
        prepare(folder, progress)
        sizes[name] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    return sizes


def heads_ship(base: str) -> bool:
    """Whether grading heads for that embedded model came with the program."""
    return (files("simulator.evaluator") / "weights" / f"heads-{base}.safetensors").is_file()


def go_offline() -> None:
    """Nothing is fetched from now on: the hub's client is told so, whether it has been imported already or not."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def go_offline_if(name: str, settings: Settings) -> None:
    """Go offline at once if opening that model needs nothing from outside."""
    if name in MODELS and ready(name, cache_dir=settings.cache_dir):
        go_offline()


def _base(asked: str, caller: LanguageModel | None) -> str:
    own = _embedded(caller) if caller is not None else ""
    wanted = (asked,) if asked != "auto" else tuple(dict.fromkeys((*([own] if own else []), "small", "standard")))
    for base in wanted:
        if heads_ship(base):
            return base
    raise ModelFormatError(
        f"no grading heads for {' or '.join(wanted)} came with this program; install it again, or train them: "
        f"python -m eval.train_evaluator --base {wanted[0]}"
    )


def _embedded(model: LanguageModel) -> str:
    return model.info.name if model.info.source is Source.EMBEDDED else ""


def _read(model: LanguageModel, segments: tuple[str, ...], *, key: str | None) -> None:
    with closing(model.stream(segments, Sampling(max_tokens=1), cache_key=key)) as pieces:  # type: ignore[type-var]
        next(pieces, None)


__all__ = [
    "Parts",
    "ReadyRehearsals",
    "heads_ship",
    "needed",
    "on_scale",
    "open_evaluator",
    "open_graders",
    "open_parts",
    "open_rehearsals",
    "open_second_opinion",
    "scale_in_use",
    "set_up",
]
