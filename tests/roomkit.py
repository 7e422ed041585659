"""What tests of the room share: a served app with scripted parts, and browsers without a screen that fill in its forms."""

from __future__ import annotations

import json
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import builders
import httpx

from simulator.app.serve import serve
from simulator.rehearsal import Rehearsals
from simulator.store import open_store
from simulator.workshop.codes import RETURN
from simulator.workshop.records import Account, Role

PASSWORD = "four plain words here"
SETTINGS: dict[str, Any] = {
    "title": "Billing team",
    "personas": ["demanding", "anxious"],
    "scenarios": ["telecom_double_billing"],
    "difficulties": ["easy", "hard"],
    "attempts": "2",
    "mark_calmness": "4",
    "mark_empathy": "3.5",
    "mark_solution": "4",
    "mark_closing": "4",
    "mode": "hints",
    "medium": "phone",
    "intensity": "realistic",
    "retention_days": "30",
}
"""A workshop's form, filled in."""
SCRIPT = "<script>alert(1)</script>\"'&{{7*7}}"
CODE = re.compile(r'class="bigcode"[^>]*>([A-Z-]+)<')


class Person:
    """A browser at that address, with its own cookies. Nothing is followed by itself."""

    def __init__(self, address: str, **headers: str) -> None:
        self.address = address.rstrip("/")
        single = httpx.Limits(
            max_keepalive_connections=0
        )  # a kept connection may be closed while the test does something else
        self.http = httpx.Client(
            base_url=self.address, headers=headers, follow_redirects=False, timeout=30, limits=single
        )

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def token(self, page: str) -> str:
        """The token of the forms on that page that are not for logging out."""
        found = re.findall(
            r'<form[^>]*action="([^"]*)"[^>]*><?.*?name="token" value="([0-9a-f]+)"', self.get(page).text, re.S
        )
        return next((token for action, token in found if action != "/room/logout"), "")

    def post(self, path: str, *, on: str = "", **fields: Any) -> httpx.Response:
        """Fill in the form that is `on` that page (else on the page itself), and send it."""
        return self.http.post(path, data={"token": self.token(on or path), **fields})

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/room/login", name=name, password=password)

    def workshop(self, **changed: Any) -> str:
        """Make one; its id."""
        answer = self.post("/room/new", **{**SETTINGS, **changed})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].rpartition("/")[2]

    def join_code(self, workshop: str) -> str:
        return CODE.findall(self.get(f"/room/w/{workshop}").text)[0]

    def join(self, code: str, name: str) -> str:
        """Join; the return code."""
        answer = self.post("/join", code=code, name=name)
        assert answer.status_code == 200, answer.text
        back = CODE.findall(answer.text)[0]
        assert len(back.replace("-", "")) == RETURN
        return str(back)

    # ---- Gradio's events, as anybody on the network can call them ----

    def event(self, number: int, data: list[Any], event_data: Any = None, *, page: str = "") -> list[dict[str, Any]]:
        """What the page's event number `number` answers, message by message."""
        session = secrets.token_hex(8)
        body = {"fn_index": number, "data": data, "event_data": event_data, "session_hash": session, "trigger_id": None}
        joined = self.http.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return [{"msg": "refused", "status": joined.status_code}]
        found = []
        with self.http.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    found.append(json.loads(line[5:]))
                    if found[-1]["msg"] in ("process_completed", "close_stream", "unexpected_error"):
                        break
        return found

    def load(self, kept: Any = None) -> str:
        """Everything that the call page sends when it is opened."""
        return json.dumps(self.event(LOAD, [kept]))

    def act(self, kept: Any = None, **data: Any) -> str:
        """Everything that a click answers."""
        return json.dumps(self.event(ACT, [kept, ""], data))

    def say(self, text: str, kept: Any = None) -> str:
        """Everything that a turn answers."""
        return json.dumps(self.event(SEND, [kept, text, None]))


LOAD, SEND, ACT, LOAD_CALIBRATE, ACT_CALIBRATE, LOAD_LAB, ACT_LAB, LAST = 0, 1, 2, 10, 11, 12, 13, 19
"""Numbers of the call page's events, as Gradio counts them (a test holds them)."""


@dataclass
class Served:
    """The app under test."""

    address: str
    rehearsals: Rehearsals

    def person(self, **headers: str) -> Person:
        return Person(self.address, **headers)

    def facilitator(self, name: str) -> Person:
        """Somebody who runs workshops, logged in."""
        return self._account(name, Role.FACILITATOR)

    def researcher(self, name: str) -> Person:
        """Somebody who takes workshops that are open to research, logged in."""
        return self._account(name, Role.RESEARCHER)

    def _account(self, name: str, role: Account) -> Person:
        from simulator.workshop.codes import hash_password

        store = self.rehearsals.store.logins
        if store.find(name) is None:
            store.add(name, hash_password(PASSWORD), at=1.0, role=role)
        made = self.person()
        assert made.log_in(name).status_code == 303
        return made


@contextmanager
def room(folder: Path, *, closed: bool = True, grades: tuple[Any, ...] = (), database: str = "") -> Iterator[Served]:
    """The app with a scripted caller, on a free port of this machine; its calls in that database, else in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open_store(database or folder / "calls.db") as store:
        rehearsals = Rehearsals(builders.ScriptedVoice(), builders.ScriptedGrader(*grades), store, own_data=folder)
        page, address = serve(rehearsals, "127.0.0.1", port, data_dir=folder, block=False, quiet=True, closed=closed)
        try:
            yield Served(address, rehearsals)
        finally:
            page.close(verbose=False)


def begin(person: Person, **chosen: str) -> str:
    """A call in a workshop, begun; its id."""
    answer = person.act(do="start", persona="demanding", scenario="telecom_double_billing", **chosen)
    found = re.findall(r'data-call=\\?"([0-9a-f]{32})', answer)
    assert found, answer
    return str(found[-1])


def fresh(served: Served, ann: Person, name: str = "Bo", **changed: str) -> tuple[Person, str]:
    """A trainee in a started workshop of their own."""
    shop = ann.workshop(**changed)
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    person = served.person()
    person.join(ann.join_code(shop), name)
    return person, shop


def owner_of_person(person: Person) -> str:
    found = re.findall(r"member:[0-9a-f]{32}", person.load())
    return str(found[0])
