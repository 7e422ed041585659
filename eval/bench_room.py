"""`simulator bench room`: a whole workshop against a served process, as trainees' browsers see it; also with the server killed.

So many browsers without a screen (`room_client.py`) join through the join code, and each takes turns of a call, all at once,
thinking between turns. With `--kill` the server gets SIGKILL in the middle, so many times, and is started again; a trainee whose
turn was cut off reloads the page and goes on.

A turn counts as **submitted** once its trainee has pressed Send. The server acknowledges it (`data-sent` in the page: only then does the
text box let go of the words) after the turn is on the disk. A turn that was cut off before that is still in the text box:
its trainee sends it again, unless the reloaded page shows it. In the end every submitted turn has to be in the database, in its
trainee's call, in order, exactly once, and answered. Every turn carries words of its own, so that none can pass for another,
and any page that shows another trainee's is counted.
"""

from __future__ import annotations

import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from eval.room_client import Browser, Gone, Seen
from eval.served import STARTS_WITHIN, Served, answers
from eval.trainees import Policy, scripts
from simulator.call import Due, fold
from simulator.errors import ServerError, SimulatorError
from simulator.store import Store, open_store
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty
from simulator.workshop.records import Workshop, WorkshopSettings

PERSONAS = ("anxious", "demanding", "repeat_caller_broken_promises", "indecisive")
SCENARIOS = ("telecom_double_billing", "parcel_lost", "hotel_room")
_WORDS = re.compile(r"\bseat (\d+) note (\d+)\b")
"""What makes a turn unlike any other, and tells whose it is."""


@dataclass
class Sent:
    """One turn of one trainee, as they lived it. Times in seconds; `cut`: the server went away before the reply was whole."""

    call: str
    text: str
    taken: float = 0.0
    replied: float = 0.0
    cut: bool = False
    again: int = 0


@dataclass
class Sitting:
    """A trainee's turns, what they were told that was no answer, and other trainees' words that they were shown."""

    seat: int
    turns: list[Sent] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    strangers: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Count:
    """What the database says in the end, of all submitted turns."""

    submitted: int
    lost: int
    twice: int
    crossed: int
    unanswered: int

    @property
    def right(self) -> bool:
        """Whether every submitted turn is where it belongs, once, and answered."""
        return not (self.lost or self.twice or self.crossed or self.unanswered)


def main(
    trainees: Annotated[int, typer.Option(min=1, help="browsers that join")] = 30,
    turns: Annotated[int, typer.Option(min=1, help="turns that each of them takes")] = 6,
    think: Annotated[tuple[float, float], typer.Option(help="seconds between turns: at least, at most")] = (15.0, 25.0),
    model: Annotated[str, typer.Option(help="whose words: what `simulator serve --model` takes")] = "small",
    kill: Annotated[int, typer.Option(min=0, help="times that the server is killed in the middle")] = 0,
    seed: Annotated[int, typer.Option(help="of thinking times, and of who says what")] = 0,
) -> int:
    """Fill a workshop with trainees and print how long turns take, and whether any was lost, doubled or crossed."""
    command = [sys.executable, "-m", "simulator", "serve", "--model", model]
    return run(command, trainees=trainees, turns=turns, think=think, kill=kill, seed=seed)


def run(command: Sequence[str], *, trainees: int, turns: int, think: tuple[float, float], kill: int, seed: int) -> int:
    """As `main`, for a server that this command starts (with --port and the folder of its data added). 0, or 1 if something
    went wrong."""
    with tempfile.TemporaryDirectory(prefix="simulator-room-") as folder:
        place = Path(folder)
        with open_store(place / "calls.db") as store:
            shop = workshop(store)
        server = Served(command, place)
        try:
            server.start()
            sittings, seconds = play(server, shop.join_code, trainees, turns, think, kill, seed)
        finally:
            server.stop()
        with open_store(place / "calls.db") as store:
            count = counted(store, shop.id, sittings)
    report(Console(width=110), server, sittings, count, seconds)
    return 0 if count.right and not any(s.errors or s.strangers for s in sittings) else 1


def workshop(store: Store) -> Workshop:
    """An open workshop, as a facilitator makes one who ticks a few callers and situations."""
    host = store.logins.add("Bench", "no password fits", at=time.time())
    settings = WorkshopSettings(title="Bench", personas=PERSONAS, scenarios=SCENARIOS, attempts=99)
    made = store.workshops.create(host.id, settings, at=time.time())
    opened = made.model_copy(update={"opened_at": time.time()})
    store.workshops.change(made.id, host.id, lambda _shop, _joined: opened)
    return opened


# ---- trainees ----


class Killer:
    """Kills the server when so many turns have been sent, and starts it again."""

    def __init__(self, server: Served, total: int, times: int) -> None:
        self._server, self._due = server, [total * n // (times + 1) for n in range(1, times + 1)]
        self._sent, self._told, self._over = 0, threading.Condition(), False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def sent(self) -> None:
        """Another turn has been sent."""
        with self._told:
            self._sent += 1
            self._told.notify()

    def finish(self) -> None:
        """Nobody sends any more. Raises what the server's last start raised."""
        with self._told:
            self._over = True
            self._told.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            for due in self._due:
                with self._told:
                    self._told.wait_for(lambda due=due: self._sent >= due or self._over)
                self._server.kill()
                self._server.start()
        except SimulatorError as error:
            self._error = error


def play(
    server: Served, code: str, trainees: int, turns: int, think: tuple[float, float], kill: int, seed: int
) -> tuple[list[Sitting], float]:
    """Everybody joins, then everybody plays at once. What each of them lived, and how many seconds it took."""
    browsers = [Browser(server.address) for _ in range(trainees)]
    for seat, browser in enumerate(browsers):
        browser.join(code, name(seat))
    killer, sittings = Killer(server, trainees * turns, kill), [Sitting(seat) for seat in range(trainees)]
    began = time.perf_counter()
    threads = [
        threading.Thread(target=sit, args=(b, s, turns, think, Random(f"{seed} {s.seat}"), killer))
        for b, s in zip(browsers, sittings, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    killer.finish()
    for browser in browsers:
        browser.close()
    return sittings, seconds


def sit(browser: Browser, mine: Sitting, turns: int, think: tuple[float, float], rng: Random, killer: Killer) -> None:
    """One trainee: think, say something, wait for the reply. A call that ends early is followed by another one."""
    scenario = SCENARIOS[mine.seat % len(SCENARIOS)]
    script = scripts()[scenario].scripts[rng.choice((Policy.GOOD, Policy.CLUMSY, Policy.COLD))]
    call, said = "", 0
    try:
        while len(mine.turns) < turns:
            if not call:
                seen = _surely(browser, lambda: browser.begin(rng.choice(PERSONAS), scenario, Difficulty.EASY.value))
                call, said = seen.call, 0
                if not call:
                    raise ServerError(f"no call could be begun: {seen.told}")
            time.sleep(rng.uniform(*think))
            words = script.greeting if not said else script.steps[(said - 1) % len(script.steps)]
            text = f"{words} That is seat {mine.seat} note {len(mine.turns)}."
            seen = _say(browser, mine, Sent(call, text), 2 * said, killer)
            said += 1
            call = "" if seen.state == "ended" else call
    except (SimulatorError, Gone) as error:
        mine.errors.append(str(error) or "the server went away and did not come back")


def _say(browser: Browser, mine: Sitting, turn: Sent, before: int, killer: Killer) -> Seen:
    """Submit one turn, after `before` turns of both in this call, whatever becomes of the server meanwhile: the page once
    the caller has answered."""
    began = time.perf_counter()
    mine.turns.append(turn)
    killer.sent()
    while True:
        seen = None
        try:
            for seen in browser.say(turn.text):
                if seen.taken and not turn.taken:
                    turn.taken = time.perf_counter() - began
                _look(mine, seen)
        except Gone:
            turn.cut = True
            seen = _surely(browser, browser.load)
            _look(mine, seen)
            if seen.turns <= before:  # the words are still in the text box only
                turn.again += 1
                continue
        assert seen is not None  # without an answer it is gone
        turn.replied = time.perf_counter() - began
        if seen.state not in ("idle", "ended") or seen.told:
            mine.errors.append(f"{seen.state or 'no call'}: {seen.told or 'the reply did not come'}")
        return seen


def _surely(browser: Browser, do: Callable[[], Seen]) -> Seen:
    """What `do` answers, as soon as the server is there to ask. Raises Gone if it stays away."""
    until = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            return do()
        except Gone:
            while not answers(f"{browser.address}/join"):
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)


def _look(mine: Sitting, seen: Seen) -> None:
    """Whose words are these?"""
    mine.strangers |= {int(seat) for seat, _ in _WORDS.findall(seen.text)} - {mine.seat}


def name(seat: int) -> str:
    """What a trainee is called."""
    return f"Trainee {seat:02}"


# ---- what came of it ----


def counted(store: Store, shop: str, sittings: Sequence[Sitting]) -> Count:
    """Holds what was submitted against what the database has."""
    kept: dict[str, list[tuple[str, str, int]]] = {}
    due: dict[str, Due] = {}
    for place in store.workshops.room(shop):
        for row in place.calls:
            call = fold(store.events(row.id, owner=place.member.owner))
            due[row.id] = call.due
            for turn in call.transcript.by(Speaker.TRAINEE):
                kept.setdefault(turn.text, []).append((place.member.name, row.id, turn.index))
    lost = twice = crossed = 0
    for sitting in sittings:
        seen: dict[str, int] = {}
        for sent in sitting.turns:
            found = kept.pop(sent.text, [])
            lost += not found
            twice += max(0, len(found) - 1)
            for who, where, index in found[:1]:
                crossed += (who, where) != (name(sitting.seat), sent.call) or index < seen.get(where, 0)
                seen[where] = index
    crossed += len(kept)  # words that nobody has said
    asked = {sent.call for sitting in sittings for sent in sitting.turns}
    unanswered = sum(due.get(call) not in (Due.TRAINEE, Due.NOTHING) for call in asked)
    return Count(sum(len(s.turns) for s in sittings), lost, twice, crossed, unanswered)


def report(console: Console, server: Served, sittings: Sequence[Sitting], count: Count, seconds: float) -> None:
    """Print it all."""
    every = [turn for sitting in sittings for turn in sitting.turns]
    smooth, cut = [t for t in every if not t.cut and t.replied], [t for t in every if t.cut]
    table = Table(title=f"{len(sittings)} trainees, {len(every)} turns in {seconds:.0f} s")
    for column in ("seconds from Send to", "median", "95th percentile", "longest"):
        table.add_column(column)
    for told, values in (
        ("the words are kept", [t.taken for t in smooth if t.taken]),
        ("the full reply", [t.replied for t in smooth]),
        ("the full reply, server killed meanwhile", [t.replied for t in cut if t.replied]),
    ):
        if values:
            table.add_row(told, *(f"{value:.2f}" for value in (*np.quantile(values, (0.5, 0.95)), max(values))))
    console.print(table)
    own = [[t.replied for t in s.turns if not t.cut and t.replied] for s in sittings]
    medians = [float(np.median(waits)) for waits in own if waits]
    if medians:
        worst = [max(waits) / float(np.median(waits)) for waits in own if waits]
        console.print(
            f"by trainee: the slowest's median is {max(medians) / float(np.median(medians)):.2f} times the median trainee's; "
            f"longest turn over own median: {np.median(worst):.2f} times (median), {max(worst):.2f} (worst)"
        )
    console.print(
        f"submitted {count.submitted}: lost {count.lost}, twice {count.twice}, crossed {count.crossed}, "
        f"unanswered {count.unanswered}; pages that showed another's words {sum(bool(s.strangers) for s in sittings)}"
    )
    if cut:
        console.print(
            f"killed {len(server.starts) - 1} times: {len(cut)} turns cut off, {sum(not t.again for t in cut)} of them were "
            f"on the disk and answered after the restart, {sum(bool(t.again) for t in cut)} sent again"
        )
    starts = ", ".join(f"{s:.0f}" for s in server.starts)
    console.print(f"the server held {server.memory:.2f} GB at most; it answered {starts} s after its start")
    errors = [f"{name(s.seat)}: {error}" for s in sittings for error in s.errors]
    console.print(f"errors {len(errors)}")
    for error in errors[:10]:
        console.print(f"  {error}", markup=False)


if __name__ == "__main__":
    typer.run(main)
