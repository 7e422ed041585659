"""The page /lab: the saved caller and the edited one talked to at once."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from labkit import HERE, WHO, act, opened
from pagekit import checked, together

from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate
from simulator.app.lab.lab import Lab
from simulator.app.views import View
from simulator.rehearsal import Rehearsals
from simulator.store import open_store
from simulator.versions import shipped

pytest_plugins = ["labkit"]


def hidden(markup: str) -> dict[str, str]:
    """The hidden fields of the talk that is shown."""
    form = markup[markup.index("both-say") :]
    return {k: unescape(v) for k, v in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)}


def talk(lab: Lab, me: dict[str, str], edited: str, *said: str, before: str = "saved") -> View:
    chosen = {"opened": WHO, "before": before, "scenario": "telecom_double_billing", "difficulty": "easy", "seed": "4"}
    view = act(lab, me, "begin", **chosen, text=edited)
    for words in said:
        view = act(lab, me, "say", **hidden(view["talk"]), say=words, text=edited)
    return view


def side(markup: str, number: int) -> list[str]:
    """What one of the two has answered, turn by turn."""
    articles = re.findall(r'<article class="both-side">(.*?)</article>', markup, re.DOTALL)
    return articles[number::2]


def test_the_same_text_twice_gives_the_same_call_twice(lab: Lab) -> None:
    said = ("Good morning, Sam speaking.", "I am sorry.", "I will refund it today.")
    markup = talk(lab, opened(lab), shipped(WHO) or "", *said)["talk"]
    checked(markup)
    assert len(side(markup, 0)) == 3
    strip = [re.sub(r"<h3.*?</h3>", "", a) for a in side(markup, 0)]
    assert strip == [re.sub(r"<h3.*?</h3>", "", a) for a in side(markup, 1)]
    assert "different things" not in markup


def test_an_edit_shows_in_the_state_beside_the_saved_version(lab: Lab) -> None:
    edited = (shipped(WHO) or "").replace("agitation: 6", "agitation: 1").replace("trust: 4", "trust: 9")
    markup = talk(lab, opened(lab), edited, "Good morning.")["talk"]
    agitation = [re.search(r'aria-label="agitation".*?aria-valuenow="([\d.]+)"', side(markup, n)[0]) for n in (0, 1)]
    values = [float(found[1]) for found in agitation if found]
    assert values[0] - values[1] == pytest.approx(5, abs=0.2)
    assert "What moved them" in markup


def test_a_talk_goes_on_after_a_restart(lab: Lab, home: Rehearsals, known: Catalogue) -> None:
    me, text = opened(lab), shipped(WHO) or ""
    before = talk(lab, me, text, "Good morning.", "I am sorry.")["talk"]
    whole = talk(lab, me, text, "Good morning.", "I am sorry.", "I see.")["talk"]
    anew = Lab(home, known, Gate(home.store))  # it has heard of no talk
    after = act(anew, me, "say", **hidden(before), say="I see.", text=text)["talk"]
    assert side(after, 1) == side(whole, 1)
    stranger = together(lab.load(None, HERE))["me"]  # the id alone opens nobody's talk: their own is begun
    assert (
        len(side(act(lab, stranger, "say", **(hidden(before) | {"said": "[]"}), say="Hi.", text=text)["talk"], 0)) == 1
    )


def test_the_same_words_are_said_again_to_another_text(lab: Lab) -> None:
    me, text = opened(lab), shipped(WHO) or ""
    first = talk(lab, me, text, "Good morning.", "You should have read the terms.")["talk"]
    edited = text.replace("volatility: 7", "volatility: 10")
    again = act(lab, me, "again", **hidden(first), text=edited)["talk"]
    assert hidden(again)["said"] == hidden(first)["said"]
    assert side(again, 0) == side(first, 0)
    assert side(again, 1) != side(first, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scenario": "nowhere"},
        {"difficulty": "brutal"},
        {"seed": "-1"},
        {"before": "9"},
        {"text": "id: x"},
        {"said": "{"},
    ],
)
def test_a_talk_that_makes_no_sense_is_told(lab: Lab, wrong: dict[str, str]) -> None:
    me = opened(lab)
    chosen = {"opened": WHO, "before": "saved", "scenario": "telecom_double_billing", "difficulty": "easy", "seed": "4"}
    chosen |= {"talk": "unknown", "said": "[]", "say": "Hi.", "text": shipped(WHO) or ""}
    view = act(lab, me, "say", **(chosen | wrong))
    assert set(view) == {"banner"}


@pytest.mark.model
def test_the_real_small_model_says_the_same_to_the_same_words(tmp_path: Path) -> None:
    from simulator.opening import open_parts

    parts = open_parts("small", "small")
    try:
        with open_store(tmp_path / "calls.db") as store:
            home = Rehearsals(parts.voice, parts.evaluator, store, own_data=tmp_path)
            lab = Lab(home, Catalogue(home), Gate(store))
            me, text = opened(lab), shipped(WHO) or ""
            words = ("Good morning, Sam speaking, how can I help?", "Calm down. You are overreacting.")
            markup = talk(lab, me, text, *words)["talk"]
            spoken = [[re.findall(r'both-words" dir="auto">(.*?)</p>', a)[0] for a in side(markup, n)] for n in (0, 1)]
            assert spoken[0] == spoken[1]
            assert all(spoken[0])
            edited = act(lab, me, "again", **hidden(markup), text=text.replace("volatility: 7", "volatility: 0"))[
                "talk"
            ]
            agitation = [
                float(re.findall(r'aria-label="agitation".*?aria-valuenow="([\d.]+)"', side(edited, n)[-1])[0])
                for n in (0, 1)
            ]
            assert agitation[1] < agitation[0]  # the same rude words hurt the less volatile one less
    finally:
        parts.close()
