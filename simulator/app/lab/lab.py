"""What every event of the persona lab does. The text in the editor comes with the event; the files are on this machine.

Whoever may change callers for everybody may use it: a facilitator who is logged in, or a browser on this very machine.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate, Keys
from simulator.app.identity import Browser, newcomer
from simulator.app.lab import check_view, edit_view, sheet, talk_view
from simulator.app.lab.checking import Checking, Run
from simulator.app.lab.talk import Setup, Talk, Talks, begun, words_from
from simulator.app.views import View, banner, guarded, signal
from simulator.caller.voice import Principled
from simulator.caller.written import WrittenVoice
from simulator.errors import BusyError, CallError, DataError, FormatError, SimulatorError
from simulator.persona import Persona, personas
from simulator.quick import FEWEST, MOST, Asked, Check, installed
from simulator.rehearsal import Rehearsals
from simulator.session import Speech
from simulator.versions import bare, compared, history, in_use, save, shipped
from simulator.vocabulary import Difficulty
from simulator.yamlfile import MAX_BYTES, load_yaml, parse_model, validated

PARTS = ("me", "banner", "signal", "head", "form", "text", "state", "saving", "talk", "check", "versions")
TITLE = "Persona lab"
LOOK = 0.7
"""Seconds between two looks at a running check."""
EDITOR, SAVED = "editor", "saved"
_ID = re.compile(r"[a-z][a-z0-9_]{1,60}")
_log = logging.getLogger(__name__)
Data = Mapping[str, Any]


class Lab:
    """The page's events as generators of views. One for a process."""

    def __init__(
        self, rehearsals: Rehearsals, known: Catalogue, gate: Gate, check: Callable[[], Check] = installed
    ) -> None:
        """`check` finds what plays the quick check."""
        self._rehearsals, self._known, self._gate = rehearsals, known, gate
        self._talks, self._checking = Talks(), Checking(check)
        self._acts: dict[str, Callable[[Browser, Data], Iterator[View]]] = {
            "open": self._open, "read": self._read, "write": self._write, "save": self._save, "export": self._export,
            "take": self._take, "compare": self._compare, "begin": self._begin, "say": self._say, "again": self._again,
            "check": self._check, "cancel": self._cancel,
        }  # fmt: skip

    def load(self, kept: Any, keys: Keys = Keys()) -> Iterator[View]:
        """The page was opened or reloaded."""
        yield from guarded(self._load(kept, keys))

    def act(self, kept: Any, data: Any, keys: Keys = Keys()) -> Iterator[View]:
        """A button or a change: `data["do"]` names it, the rest is what it is about."""
        yield from guarded(self._act(kept, data, keys))

    def _load(self, kept: Any, keys: Keys) -> Iterator[View]:
        yield {"signal": signal(screen="lab", title=TITLE)}
        browser = self._admitted(kept, keys) or newcomer()
        yield {"me": browser.kept}
        yield from self._opened(browser, next(iter(self._known.personas)))

    def _act(self, kept: Any, data: Any, keys: Keys) -> Iterator[View]:
        browser = self._admitted(kept, keys)
        if browser is None:
            raise CallError("this browser has no identity yet: reload the page")
        if not isinstance(data, dict) or str(data.get("do")) not in self._acts:
            raise FormatError("the page asked for something unknown: reload it")
        yield from self._acts[str(data["do"])](browser, data)

    def _admitted(self, kept: Any, keys: Keys) -> Browser | None:
        """The browser, if it was here before. Raises CallError for one that may not use this page."""
        if not self._gate.may_tune(keys):
            raise CallError(
                "the lab changes callers for everybody: open it on the machine that runs this server, or log in at /room"
            )
        return self._gate.machine_owner(kept, keys)

    # ---- files ----

    @property
    def _folder(self) -> Path:
        if self._known.folder is None:
            raise DataError(
                "this program has no folder for your own personas: set SIMULATOR_DATA_DIR and start it again"
            )
        return self._known.folder

    def _open(self, browser: Browser, data: Data) -> Iterator[View]:
        yield from self._opened(browser, _id(data.get("text")))

    def _opened(self, browser: Browser, persona_id: str, text: str | None = None, notice: str = "") -> Iterator[View]:
        """Everything about that persona, with `text` (as saved, if none is given) in the editor."""
        folder = self._folder
        kept = in_use(folder, persona_id)
        known, now = history(folder, persona_id), kept if text is None else text
        label = self._known.personas[persona_id].label if persona_id in self._known.personas else persona_id
        from_shipped = shipped(persona_id)
        order = {"announce": notice} if notice else {"focus": "lab-title"}
        yield {
            "banner": banner(),
            "head": edit_view.head(self._known.personas, persona_id, label, known, kept != from_shipped, notice),
            "text": edit_view.text_box(persona_id, now, opening=True),
            **self._seen(persona_id, now, opening=True),
            "saving": edit_view.saving(persona_id, known[-1].number if known else 0),
            "talk": talk_view.setup_form(persona_id, self._known.scenarios, self._against(persona_id)),
            "versions": edit_view.versions_card(
                persona_id, known, from_shipped is not None, (str(known[-1].number) if known else "shipped", EDITOR)
            ),
            "check": self._check_form(browser, persona_id, opening=True),
            "signal": signal(screen="lab", title=TITLE, **order),
        }
        if (run := self._checking.of(browser.owner, persona_id)) is not None:
            yield from self._followed(browser, run)

    def _seen(self, opened: str, text: str, *, form: bool = True, opening: bool = False) -> View:
        """What there is to say about a text: the form of it, and whether it is valid and saved."""
        try:
            data, plain = load_yaml(_fitting(text), f"{opened}.yaml")
        except DataError as error:
            return {
                "form": edit_view.form(opened, None, opening=opening),
                "state": edit_view.state(opened, error, True, opening=opening),
            }
        problem = None
        try:
            validated(Persona, data, plain, f"{opened}.yaml")
        except DataError as error:
            problem = error
        changed = text.strip() != in_use(self._folder, opened).strip()
        view: View = {"state": edit_view.state(opened, problem, changed, opening=opening)}
        return view | ({"form": edit_view.form(opened, plain, opening=opening)} if form else {})

    def _read(self, _browser: Browser, data: Data) -> Iterator[View]:
        """The text was changed: the form follows."""
        yield self._seen(_id(data.get("opened")), _text(data))

    def _write(self, _browser: Browser, data: Data) -> Iterator[View]:
        """Boxes of the form were changed: the text follows."""
        opened = _id(data.get("opened"))
        text = sheet.written(_fitting(_text(data)), _changes(data.get("touched")))
        yield {"text": edit_view.text_box(opened, text), **self._seen(opened, text, form=False)}

    def _save(self, browser: Browser, data: Data) -> Iterator[View]:
        opened, text = _id(data.get("opened")), _text(data)
        persona = parse_model(Persona, _fitting(text), "the persona")
        newest = _number(data.get("newest"))
        if persona.id != opened:
            if persona.id in personas(self._folder):
                raise DataError(f"there is a caller {persona.id!r} already: choose another id, or open that one first")
            newest = 0
        version = save(self._folder, text, str(data.get("note") or ""), after=newest)
        self._known.renew()
        _log.info("version %d of persona %s was saved", version.number, persona.id)
        yield from self._opened(
            browser,
            persona.id,
            notice=f"Version {version.number} of {persona.id} is saved; calls that begin from now on use it.",
        )

    def _export(self, _browser: Browser, data: Data) -> Iterator[View]:
        text = _text(data)
        try:
            name = parse_model(Persona, _fitting(text), "it").id
        except DataError:
            name = "persona-draft"
        yield {"signal": signal(download={"name": f"{name}.yaml", "type": "application/yaml", "text": text})}

    # ---- versions ----

    def _any(self, opened: str, name: str, editor: str) -> str:
        """The text that a choice of versions names."""
        if name == EDITOR:
            return editor
        if name == SAVED:
            return in_use(self._folder, opened)
        if name == edit_view.SHIPPED and (text := shipped(opened)) is not None:
            return text
        found = next((v.text for v in history(self._folder, opened) if str(v.number) == name), None)
        if found is None:
            raise DataError(f"there is no such version of {opened}: reload the page")
        return found

    def _take(self, browser: Browser, data: Data) -> Iterator[View]:
        """An earlier version goes into the editor; it counts once it is saved."""
        opened, number = _id(data.get("opened")), str(data.get("what"))
        text = self._any(opened, number, "")
        yield from self._opened(
            browser, opened, text, notice=f"Version {number} is in the editor. Save it to put it in use again."
        )

    def _compare(self, _browser: Browser, data: Data) -> Iterator[View]:
        opened, editor = _id(data.get("what")), bare(_text(data))
        chosen = str(data.get("before")), str(data.get("after"))
        first, second = (self._any(opened, name, editor) for name in chosen)
        known = history(self._folder, opened)
        diff = edit_view.difference(compared(first.strip(), second.strip(), chosen))
        has_shipped = shipped(opened) is not None
        yield {
            "versions": edit_view.versions_card(opened, known, has_shipped, chosen, diff),
            "banner": banner(),
        }

    def _against(self, opened: str) -> list[tuple[str, str]]:
        """What the text in the editor may be held against."""
        versions = [(str(v.number), f"version {v.number}") for v in reversed(history(self._folder, opened))]
        return [(SAVED, "what is in use"), *versions, *([("shipped", "as shipped")] if shipped(opened) else [])]

    def _pair(self, opened: str, before: str, editor: str) -> tuple[Persona, Persona]:
        """The saved version of that name, and the one in the editor. Raises DataError."""
        saved = parse_model(Persona, self._any(opened, before, editor), f"{opened}.yaml")
        return saved, parse_model(Persona, _fitting(editor), "the text in the editor")

    # ---- talking to both ----

    def _begin(self, browser: Browser, data: Data) -> Iterator[View]:
        talk = self._begun(browser, data)
        yield from self._shown(talk, focus="lab-say")

    def _begun(self, browser: Browser, data: Data) -> Talk:
        opened, before = _id(data.get("opened")), str(data.get("before"))
        scenario = self._known.scenarios.get(str(data.get("scenario")))
        if scenario is None or str(data.get("difficulty")) not in set(Difficulty):
            raise FormatError("choose a situation and a difficulty")
        setup = Setup(
            opened, before, EDITOR, scenario, Difficulty(str(data.get("difficulty"))), _number(data.get("seed"), "seed")
        )
        people = self._pair(opened, before, _text(data))
        rehearsals = self._rehearsals
        talk = begun(secrets.token_hex(8), browser.owner, setup, people, rehearsals.voice, rehearsals.evaluator)
        self._talks.keep(talk)
        return talk

    def _say(self, browser: Browser, data: Data) -> Iterator[View]:
        talk = self._talks.find(str(data.get("talk")), browser.owner)
        if talk is None:  # this process has not heard of it: it was restarted, or many talks have begun since
            talk = self._begun(browser, data)
            for words in words_from(data.get("said")):
                yield from self._turn(talk, words)
        yield from self._turn(talk, str(data.get("say") or ""))
        yield from self._shown(talk, focus="lab-say")

    def _again(self, browser: Browser, data: Data) -> Iterator[View]:
        """The same words, with the text that is in the editor now."""
        talk = self._begun(browser, data)
        for words in words_from(data.get("said")):
            if not talk.over:
                yield from self._turn(talk, words)
        yield from self._shown(talk, announce="The same words were said again")

    def _turn(self, talk: Talk, words: str) -> Iterator[View]:
        try:
            for _ in talk.say(words):
                yield {"talk": self._talk(talk, words), "banner": banner()}
        except BusyError:
            raise
        except SimulatorError:
            yield {"talk": self._talk(talk)}
            raise

    def _shown(self, talk: Talk, **order: str) -> Iterator[View]:
        yield {"talk": self._talk(talk), "banner": banner(), "signal": signal(**order)}

    def _talk(self, talk: Talk, playing: str = "") -> str:
        setup = talk.setup
        form = talk_view.setup_form(setup.opened, self._known.scenarios, self._against(setup.opened), setup)
        return form + talk_view.both(talk, playing)

    # ---- the quick check ----

    def _check(self, browser: Browser, data: Data) -> Iterator[View]:
        opened, before, level = _id(data.get("opened")), str(data.get("before")), str(data.get("difficulty"))
        calls = _number(data.get("calls"), "number of calls", 4)
        if level not in set(Difficulty) or not FEWEST <= calls <= MOST:
            raise FormatError(f"choose a difficulty, and {FEWEST} to {MOST} calls")
        voice: Speech = WrittenVoice() if data.get("words") == "written" else self._rehearsals.voice
        pair = self._pair(opened, before, _text(data))
        keeper = voice.keeper if isinstance(voice, Principled) else None
        asked = Asked(*pair, voice, self._rehearsals.evaluator, calls, Difficulty(level), keeper)
        run = self._checking.begin(asked, browser.owner, opened, (before, EDITOR))
        yield from self._followed(browser, run)

    def _followed(self, browser: Browser, run: Run) -> Iterator[View]:
        """The check as it goes on, until it is over; whoever stops looking does not stop it."""
        while not run.over.wait(LOOK):
            yield {"check": self._check_form(browser, run.opened), "banner": banner()}
        announce = "The check is done" if run.found else "The check has ended"
        yield {"check": self._check_form(browser, run.opened), "signal": signal(announce=announce)}

    def _cancel(self, browser: Browser, data: Data) -> Iterator[View]:
        opened = _id(data.get("what"))
        run = self._checking.of(browser.owner, opened)
        if run is not None:
            run.cancelled.set()
        yield {"check": self._check_form(browser, opened)}

    def _check_form(self, browser: Browser, opened: str, *, opening: bool = False) -> str:
        model = self._rehearsals.voice.name
        run = self._checking.of(browser.owner, opened)
        return check_view.form(opened, self._against(opened), model, run, opening=opening)


def _text(data: Data) -> str:
    text = data.get("text")
    if not isinstance(text, str):
        raise FormatError("the page sent no text: reload it")
    return text.replace("\r\n", "\n")


def _fitting(text: str) -> str:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise DataError(f"the text is too long: at most {MAX_BYTES:,} bytes are read")
    return text


def _id(value: Any) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise FormatError("the page did not say which caller this is: reload it")
    return value


def _number(value: Any, what: str = "version", digits: int = 9) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= digits):
        raise FormatError(f"the {what} has to be a whole number of at most {digits} digits")
    return int(text)


def _changes(value: Any) -> dict[str, str]:
    """The boxes that were touched, by name. Raises FormatError."""
    try:
        found = json.loads(str(value))
    except ValueError as error:
        raise FormatError("the form sent something that cannot be read: reload the page") from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise FormatError("the form sent something that cannot be read: reload the page")
    return found
