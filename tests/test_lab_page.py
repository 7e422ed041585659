"""The page /lab: a caller edited as a form or as text, its versions, and who may."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from labkit import HERE, WHO, act, opened
from pagekit import SCRIPT, checked, together

from simulator.app.catalogue import Catalogue
from simulator.app.gate import Keys
from simulator.app.lab.lab import Lab
from simulator.app.views import View
from simulator.persona import personas
from simulator.versions import history, in_use, shipped

pytest_plugins = ["labkit"]


def text_of(view: View) -> str:
    """What stands in the editor."""
    found = re.search(r'<textarea id="lab-text"[^>]*>(.*?)</textarea>', view["text"], re.DOTALL)
    assert found
    return unescape(found[1])


def test_every_shipped_caller_is_shown_whole(lab: Lab) -> None:
    me = opened(lab)
    for persona_id, persona in personas().items():
        view = act(lab, me, "open", text=persona_id)
        assert text_of(view) == shipped(persona_id)
        for part in ("head", "form", "text", "state", "saving", "versions"):
            checked(view[part])
        assert "as it is saved" in view["state"]
        assert f'value="{persona.traits.volatility:g}"' in view["form"]


def test_a_box_changes_its_value_in_the_text_and_nothing_else(lab: Lab) -> None:
    me = opened(lab)
    before = shipped(WHO) or ""
    touched = {"traits.volatility": "3.5", "triggers.rushes": "", "unlocks.apologises": "on"}
    view = act(lab, me, "write", opened=WHO, text=before, touched=json.dumps(touched))
    gone, come = set(before.splitlines()), set(text_of(view).splitlines())
    assert gone - come == {
        "  volatility: 7",
        "  rushes: 2.3",
        "unlocks: [acknowledges_feeling, asks_clarifying_question, reassures_choice]",
    }
    assert come - gone == {
        "  volatility: 3.5",
        "unlocks: [acknowledges_feeling, asks_clarifying_question, reassures_choice, apologises]",
    }
    assert "not saved yet" in view["state"]
    assert "form" not in view  # what is being typed in is not drawn again


def test_the_text_is_checked_as_the_command_line_checks_it(lab: Lab, tmp_path: Path) -> None:
    from simulator.yamlfile import check_folder

    me = opened(lab)
    wrong = (shipped(WHO) or "").replace("volatility: 7", "volatillity: 7")
    view = act(lab, me, "read", opened=WHO, text=wrong)
    file = tmp_path / "wrong.yaml"
    file.write_text(wrong)
    from simulator.persona import Persona

    told = check_folder(Persona, file)[1][0]
    assert "did you mean" in told.message
    assert told.message[1:] in unescape(view["state"])
    assert f"Line {told.line}<" in view["state"]
    assert "form" in view  # it can still be read as YAML
    broken = act(lab, me, "read", opened=WHO, text="a: [1,\n")
    assert "not valid YAML" in broken["state"]
    assert "comes back" in broken["form"]


def test_saving_makes_a_version_and_never_touches_the_shipped_file(lab: Lab, own: Path, known: Catalogue) -> None:
    me = opened(lab)
    before = shipped(WHO) or ""
    edited = before.replace("volatility: 7", "volatility: 2")
    view = act(lab, me, "save", opened=WHO, newest="0", note=f"calmer {SCRIPT}", text=edited)
    assert "Version 1 of anxious is saved" in view["head"]
    checked(view["versions"])
    assert "<script" not in view["versions"]
    assert known.personas[WHO].traits.volatility == 2  # the next call is with this
    assert shipped(WHO) == before
    assert [f.name for f in own.iterdir() if f.is_file()] == ["anxious.yaml"]
    late = act(lab, me, "save", opened=WHO, newest="0", note="", text=before)  # another window had not seen version 1
    assert "version 1" in late["banner"].lower()
    act(lab, me, "save", opened=WHO, newest="1", note="", text=before)
    assert [v.number for v in history(own, WHO)] == [1, 2]
    assert known.personas[WHO].traits.volatility == 7
    back = act(lab, me, "take", opened=WHO, what="1")
    assert text_of(back) == edited
    diff = act(lab, me, "compare", what=WHO, before="1", after="2", text=edited)["versions"]
    assert "-  volatility: 2" in diff
    assert "+  volatility: 7" in diff
    assert "They say the same" in act(lab, me, "compare", what=WHO, before="1", after="editor", text=edited)["versions"]


def test_what_is_not_valid_is_not_saved(lab: Lab, own: Path) -> None:
    me = opened(lab)
    view = act(
        lab, me, "save", opened=WHO, newest="0", note="", text=(shipped(WHO) or "").replace("trust: 4", "trust: 40")
    )
    assert "start.trust" in view["banner"]
    assert not own.exists()


def test_another_id_makes_another_caller_but_never_takes_an_existing_ones_place(
    lab: Lab, own: Path, known: Catalogue
) -> None:
    me = opened(lab)
    text = shipped(WHO) or ""
    taken = act(lab, me, "save", opened=WHO, newest="0", note="", text=text.replace("id: anxious", "id: abusive"))
    assert "already" in taken["banner"]
    act(lab, me, "save", opened=WHO, newest="0", note="a new one", text=text.replace("id: anxious", "id: uneasy"))
    assert "uneasy" in known.personas
    assert in_use(own, "uneasy").startswith("id: uneasy")
    assert history(own, WHO) == ()


def test_a_file_somebody_wrote_is_kept_as_a_version_first(lab: Lab, own: Path) -> None:
    own.mkdir()
    mine = (shipped(WHO) or "").replace("trust: 4", "trust: 1")
    (own / "my own name.yaml").write_text(mine)
    me = opened(lab)
    act(lab, me, "save", opened=WHO, newest="0", note="from here", text=mine.replace("trust: 1", "trust: 2"))
    assert [(v.number, v.note) for v in history(own, WHO)] == [(1, "as it was found in the folder"), (2, "from here")]
    assert history(own, WHO)[0].text == mine
    assert [f.name for f in own.iterdir() if f.is_file()] == ["my own name.yaml"]


@pytest.mark.parametrize("keys", [Keys(), Keys(login="made up"), Keys(seat="made up")])
def test_strangers_see_and_change_nothing(lab: Lab, own: Path, keys: Keys) -> None:
    me = opened(lab)
    loaded = together(lab.load(None, keys))
    assert set(loaded) == {"banner", "signal"}
    for do in ("open", "save", "take", "write", "compare", "export"):
        view = together(lab.act(me, {"do": do, "opened": WHO, "text": shipped(WHO), "newest": "0"}, keys))
        assert set(view) == {"banner"}
    assert not own.exists()


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"do": "rm"},
        {"do": "open", "text": "../../etc/passwd"},
        {"do": "take", "opened": "anxious", "what": "../1"},
        {"do": "write", "opened": "anxious", "text": "a: 1", "touched": '{"id.x": "1"}'},
        {"do": "write", "opened": "anxious", "text": "a: 1", "touched": "[1]"},
        {"do": "read", "opened": "anxious"},
        {"do": "save", "opened": "anxious", "text": "x" * 1_000_001, "newest": "0"},
    ],
)
def test_what_makes_no_sense_is_told(lab: Lab, data: object) -> None:
    assert set(together(lab.act(opened(lab), data, HERE))) == {"banner"}
