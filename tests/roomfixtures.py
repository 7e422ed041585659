"""The fixtures that the tests of the room share: one served app for a file, its facilitator, a workshop, a trainee who has spoken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from roomkit import SCRIPT, Person, Served, begin, fresh, owner_of_person, room


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with room(tmp_path_factory.mktemp("room")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(served: Served) -> Person:
    return served.facilitator("Ann")


@pytest.fixture(scope="module")
def shop(ann: Person) -> str:
    made = ann.workshop(may_read="yes", research="yes")
    assert ann.post(f"/room/w/{made}/start", on=f"/room/w/{made}").status_code == 303
    return made


@pytest.fixture
def spoken(served: Served, ann: Person) -> tuple[Person, str, str]:
    """A trainee who has said something in a call that may be read, the workshop, and the call."""
    person, shop = fresh(served, ann, "Bartholomew", may_read="yes")
    call = begin(person)
    here = {"owner": owner_of_person(person), "call": call}
    for text in ("My secret word is marzipan.", f"Second turn {SCRIPT}"):
        person.say(text, here)
    return person, shop, call
