"""Every caller and situation that the pages offer: the shipped ones and the user's own, read again when one is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simulator.persona import Persona, personas
from simulator.rehearsal import Rehearsals
from simulator.scenario import scenarios


class Catalogue:
    """One for a process, shared by all pages. Raises DataError where a file is wrong."""

    def __init__(self, rehearsals: Rehearsals) -> None:
        own = rehearsals.own_data
        self.folder = own / "personas" if own else None
        """Where the user's own personas are."""
        self.personas = _Callers(self._read())
        self.scenarios = scenarios(own / "scenarios" if own else None)

    def renew(self) -> None:
        """Read the user's own personas again: calls that begin from now on are with these."""
        self.personas.now = self._read()

    def _read(self) -> dict[str, Persona]:
        """By id; callers with a content note come last."""
        return dict(sorted(personas(self.folder).items(), key=lambda item: bool(item[1].content_note.strip())))


class _Callers(Mapping[str, Persona]):
    """Personas by id, as they are now. Who is going through them when they are renewed goes through the ones before."""

    def __init__(self, now: dict[str, Persona]) -> None:
        self.now = now

    def __getitem__(self, key: str) -> Persona:
        return self.now[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.now)

    def __len__(self) -> int:
        return len(self.now)
