"""Wires the parts of the program: caller's model, evaluator, store and the user's own folders. Nothing else does.

It opens things and hands them over; it neither plays calls nor draws screens. Whatever cannot be opened is a
SimulatorError of one sentence.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import files
from typing import TYPE_CHECKING

from simulator.calibration.scaled import Scaled
from simulator.caller.principles import Keeper
from simulator.caller.stand_in import ServerVoice
from simulator.caller.voice import Voice
from simulator.caller.written import WrittenVoice
from simulator.errors import ModelFormatError, UnknownNameError
from simulator.evaluator import heads
from simulator.evaluator.grader import Evaluator
from simulator.evaluator.second_opinion import SecondOpinion
from simulator.models.base import DecidingModel, FeatureModel, LanguageModel, Source
from simulator.models.choose import choose_model, largest_that_fits, open_model
from simulator.models.loading import prepare
from simulator.models.server import ServerModel
from simulator.models.weights import MODELS, Progress, ensure, ready
from simulator.ready import Parts, ReadyRehearsals
from simulator.session import Grader
from simulator.settings import Settings
from simulator.settings import settings as current_settings

if TYPE_CHECKING:
    from simulator.calibration.records import OffsetMap


def open_rehearsals(
    model: str | None = None,
    evaluator: str | None = None,
    *,
    progress: Progress | None = None,
    settings: Settings | None = None,
    written: bool = False,
    second_opinion: str | None = None,
    later: bool = False,
) -> ReadyRehearsals:
    """Everything a screen needs. `model`, `evaluator` and `second_opinion` as in the settings, which are the default;
    `written`: no caller's model, the persona's written lines only. `.told` says which model was chosen, and why. `later`: the
    models are left to a call of `.open()`."""
    from simulator.store import open_store

    chosen = settings or current_settings()
    second = chosen.second_opinion if second_opinion is None else second_opinion

    def opened() -> Parts:
        return open_parts(
            model,
            evaluator,
            progress=progress,
            settings=chosen,
            written=written,
            second_opinion=second,
            stand_in=chosen.server_stand_in,
        )

    rehearsals = ReadyRehearsals(opened, open_store(chosen.database), chosen)
    try:
        if not later:
            rehearsals.open()
    except BaseException:
        rehearsals.close()
        raise
    return rehearsals


def at_hand(
    model: str | None = None, evaluator: str | None = None, second_opinion: str | None = None, *, settings: Settings
) -> bool:
    """Whether all that those words (as for `open_rehearsals`) name are embedded models that are on this machine: opening them
    takes seconds, and what is wrong with words, files and addresses is not found out by it. Of `auto` it is taken that it
    will be the larger one that memory allows. Imports no library."""
    given = (model, evaluator, second_opinion)
    default = (settings.model, settings.evaluator, settings.second_opinion)
    words = [(d if g is None else g).strip() for g, d in zip(given, default, strict=True)]
    there = {name for name in MODELS if ready(name, cache_dir=settings.cache_dir)}
    auto = there == set(MODELS) or largest_that_fits(settings.cache_dir) in there
    return all(word in there or (word == "auto" and auto) for word in (*words[:2], *filter(None, words[2:])))


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


__all__ = [
    "Parts",
    "ReadyRehearsals",
    "at_hand",
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
