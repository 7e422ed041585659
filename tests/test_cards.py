"""Persona cards: true to the persona's file, silent on what it holds back, and with no number that was not measured."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import builders
import pytest

from simulator import measured
from simulator.app.handlers import Handlers
from simulator.app.identity import Browser
from simulator.app.setup_view import preview
from simulator.call import fold
from simulator.caller.harshness import too_harsh
from simulator.cards import MOST, bars, card, fragment, how_measured, page, sections
from simulator.errors import DataError
from simulator.measured import Curve, Measured, Point
from simulator.persona import Persona, personas
from simulator.rubric import rubric
from simulator.scenario import scenarios
from simulator.vocabulary import Difficulty, Fault, Intensity, Intent, Technique

pytest_plugins = ["clikit"]

FORMATS = (files("simulator") / "formats.md").read_text(encoding="utf-8")
CALLERS = Path(__file__).parent.parent / "personas" / "callers"
CURVE = Curve((Point(1, 2.4), Point(0.75, 3.5), Point(0, 0)), calls=12, made_by="a test", grader="nobody")
XSS = "<script>alert(1)</script>\"'&"


def measured_file(folder: Path, **changes: object) -> Path:
    """A file as the benchmark writes it, on made-up numbers that only tests see."""
    fields = {
        "format": 1,
        "made_by": "simulator bench dial --seeds 6",
        "grader": "small",
        "calls_per_point": 12,
        "curves": {"abusive": [[1, 2.4], [0.75, 3.5], [0, 0]]},
    }
    file = folder / "measured.json"
    file.write_text(json.dumps(fields | changes, indent=1))
    return file


@pytest.fixture
def dialled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `measured_file` came with the personas."""
    found = measured.read(measured_file(tmp_path))
    monkeypatch.setattr(measured, "shipped", lambda: found)


# The card


@pytest.mark.parametrize("persona", personas().values(), ids=lambda p: p.id)
def test_a_card_is_the_personas_own_words_and_the_rubrics(persona: Persona) -> None:
    made = card(persona, None)
    own = {*persona.opens, *(line for lines in persona.lines.values() for line in lines)}
    assert set(made.sample) <= own
    assert len(set(made.sample)) == len(made.sample) == (5 if persona.traits.hostility >= 5 else 4)
    assert made.sample[0] in persona.opens
    gains = {rubric().describe(tag): gain for tag, gain in (persona.soothers | persona.triggers).items()}
    for told in (made.wins, made.loses):
        assert 2 <= len(told) <= MOST
        assert [gains[line] for line in told] == sorted((gains[line] for line in told), reverse=True)
    assert gains[made.wins[0]] == max(persona.soothers.values())
    assert set(made.wins).isdisjoint((*made.loses, *made.irritates))
    assert made.unlocks == tuple(rubric().describe(tag) for tag in persona.unlocks)
    assert persona.holds_back not in page(made)
    assert persona.needs == made.needs


def test_a_technique_among_the_triggers_is_told_apart() -> None:
    triggers = {Fault.RUSHES: 1.5, Technique.APOLOGISES: 0.6, Fault.ARGUES: 2}
    made = card(builders.persona(triggers=triggers), None)
    assert made.loses == (rubric().faults[Fault.ARGUES], rubric().faults[Fault.RUSHES])
    assert made.irritates == (rubric().techniques[Technique.APOLOGISES],)
    assert "irritates" not in "".join(part.title for part in sections(card(builders.persona(), None)))


def test_what_works_less_than_on_others_is_not_told_to_win() -> None:
    made = card(builders.persona(soothers={Technique.SUMMARISES: 0.4, Technique.ESCALATES: 1}), None)
    assert made.wins == (rubric().techniques[Technique.ESCALATES],)


def test_a_mild_caller_sounds_mild() -> None:
    for persona in personas().values():
        sample = card(persona, None, Intensity.MILD).sample
        assert len(sample) == 4
        assert not [line for line in sample if too_harsh(line, Intensity.MILD)], persona.id
        assert set(sample).isdisjoint(persona.lines[Intent.INSULT])


# The curve


def test_the_bars_say_in_words_what_they_show() -> None:
    drawn = bars(CURVE)
    assert [(bar.name, bar.percent) for bar in drawn] == [("Easy", 100), ("Medium", 75), ("Hard", 0)]
    assert drawn[0].words == "won all 12 calls, with 2.4 concrete offers on average"
    assert drawn[1].words == "won 9 of 12 calls, with 3.5 concrete offers on average"
    assert drawn[2].words == "won none of 12 calls"


def test_without_a_curve_a_card_says_how_to_get_one_and_no_number() -> None:
    made = card(builders.persona(), None)
    assert bars(None) == ()
    assert how_measured(made).endswith("simulator bench dial --persona tester")
    assert 'class="dial"' not in fragment(made, 4)


def test_a_file_gives_the_curves_it_holds(tmp_path: Path) -> None:
    found = measured.read(measured_file(tmp_path))
    assert found is not None
    curve = found.curve("abusive")
    assert curve == Curve(CURVE.points, 12, "simulator bench dial --seeds 6", "small")
    assert found.curve("anxious") is None
    assert measured.read(tmp_path / "absent.json") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"calls_per_point": 0},
        {"curves": {}},
        {"curves": {"abusive": [[1, 2], [1, 2]]}},
        {"curves": {"abusive": [[1.2, 2], [1, 2], [1, 2]]}},
        {"curves": {"abusive": [[1, -1], [1, 2], [1, 2]]}},
        {"curves": {"abusive": [[float("nan"), 1], [1, 2], [1, 2]]}},
        {"curves": {"no id!": [[1, 2], [1, 2], [1, 2]]}},
        {"note": "more"},
    ],
    ids=str,
)
def test_a_wrong_file_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"measured\.json"):
        measured.read(measured_file(tmp_path, **changes))


def test_only_a_persona_as_it_was_shipped_has_its_curve(dialled: None) -> None:
    shipped = personas()["abusive"]
    assert measured.curve_of(shipped) is not None
    assert measured.curve_of(shipped.model_copy(update={"summary": "Somebody else altogether."})) is None
    assert measured.curve_of(personas()["anxious"]) is None
    assert measured.curve_of(builders.persona()) is None


def test_what_is_shipped_can_be_read() -> None:
    found = measured.read(files("personas") / "measured.json")
    assert found is None or set(found.curves) <= set(personas())


def test_the_benchmark_writes_what_cards_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eval import bench_dial

    parts = SimpleNamespace(voice=None, evaluator=SimpleNamespace(name="scripted"))
    monkeypatch.setattr(bench_dial, "open_parts", lambda *_, **__: parts)
    ended = fold(builders.play(end=True))
    monkeypatch.setattr(bench_dial, "play_many", lambda settings, *_: ((n, ended) for n in range(len(settings))))
    bench_dial.main(evaluator="small", seeds=2, persona=["abusive"], output=tmp_path / "measured.json")
    found = measured.read(tmp_path / "measured.json")
    assert found is not None
    curve = found.curve("abusive")
    assert curve is not None
    assert (curve.calls, curve.grader) == (4, "scripted")
    assert curve.made_by == "simulator bench dial --evaluator small --seeds 2 --persona abusive"
    assert curve.points[0] == (0, 0)


def test_the_format_is_documented_key_by_key() -> None:
    told = re.split(r"^## ", FORMATS.split("## Measured curves, version ", 1)[1], flags=re.MULTILINE)[0]
    assert told.startswith(f"{measured.FORMAT}\n")
    keys = {name for line in told.splitlines() if line.startswith("| `") for name in re.findall(r"^\| `(\w+)`", line)}
    assert keys == set(Measured.model_fields)


# The page


@pytest.mark.parametrize("persona", list(personas()))
def test_the_preview_has_the_card_but_not_in_an_exam(persona: str) -> None:
    chosen, about = personas()[persona], scenarios()["hospital_bill"]
    markup = preview(chosen, about, Difficulty.EASY, curve=CURVE)
    assert markup.count('data-k="about"') == 1
    assert "About this caller" in markup and "won 9 of 12 calls" in markup
    assert not re.search(r'data-k="about"[^>]* open', markup)
    exam = preview(chosen, about, Difficulty.EASY, exam=True, curve=CURVE)
    assert "About this caller" not in exam
    assert "won 9 of 12 calls" not in exam
    assert rubric().describe(chosen.unlocks[0]) not in exam


def test_the_handlers_put_the_measured_curve_into_the_preview(dialled: None) -> None:
    handlers = Handlers(SimpleNamespace(own_data=None, store=None))  # type: ignore[arg-type]
    browser = Browser("ann")
    assert "won 9 of 12 calls" in handlers._preview(browser, {"persona": "abusive"})
    assert "Not measured" in handlers._preview(browser, {"persona": "anxious"})
    assert "About this caller" not in handlers._preview(browser, {"persona": "abusive", "mode": "exam"})


def test_a_fragment_is_well_formed_and_its_bars_have_words_beside_them() -> None:
    tree = ElementTree.fromstring(f"<div>{fragment(card(builders.persona(), CURVE), 4)}</div>")
    assert {node.tag for node in tree.iter() if re.fullmatch(r"h\d", node.tag)} == {"h4"}
    rows = tree.findall(".//ul[@class='dial']/li")
    assert [row.find("b").text for row in rows] == ["Easy", "Medium", "Hard"]  # type: ignore[union-attr]
    assert [row.find("span[@aria-hidden='true']/i").get("style") for row in rows] == [  # type: ignore[union-attr]
        "width:100%", "width:75%", "width:0%",
    ]  # fmt: skip
    assert "won none of 12 calls" in "".join(rows[2].itertext())


def test_a_page_is_whole_and_asks_for_nothing() -> None:
    made = page(card(personas()["abusive"], CURVE))
    assert made.startswith("<!doctype html>") and made.rstrip().endswith("</html>")
    assert "default-src 'none'" in made
    assert not re.search(r"https?://|<script|<link|<img|@import|\{%|\{\{", made)
    assert made.count("<h1>") == 1
    ElementTree.fromstring(made[made.index("<main") : made.index("</main>")] + "</main>")


def test_everything_is_escaped() -> None:
    lines = dict.fromkeys(Intent, (XSS, XSS))
    who = builders.persona(name=XSS[:40], label=XSS, summary=XSS, needs=XSS, opens=(XSS,) * 3, lines=lines)
    curve = Curve(CURVE.points, 12, made_by=XSS, grader=XSS)
    made = card(who, curve)
    for markup in (page(made), fragment(made, 4), preview(who, builders.scenario(), Difficulty.EASY, curve=curve)):
        assert "<script" not in markup
        assert markup.count("&lt;script&gt;") >= 7


# The command line


def test_a_card_is_printed(terminal, dialled: None) -> None:
    done = terminal("personas", "card", "abusive")
    assert done.code == 0
    assert "What wins them over" in done.out and "Easy: won all 12 calls" in done.out
    assert personas()["abusive"].opens[0] in done.out
    assert terminal("personas", "card", CALLERS / "abusive.yaml").out == done.out
    every = terminal("personas", "card", "--all").out
    assert every.count("What wins them over") == len(personas())
    assert done.out in every


def test_cards_are_written_one_page_each(terminal, dialled: None, tmp_path: Path) -> None:
    done = terminal("personas", "card", "--all", "--out", tmp_path / "new" / "cards")
    assert (done.code, done.out) == (0, "")
    assert {file.stem for file in (tmp_path / "new" / "cards").iterdir()} == set(personas())
    assert terminal("personas", "card", "anxious", "--out", tmp_path / "one").code == 0
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["anxious.html"]
    (tmp_path / "file").write_text("")
    assert "cannot be made a folder" in terminal("personas", "card", "anxious", "--out", tmp_path / "file").err


def test_an_own_persona_is_on_a_card_without_a_curve(terminal, dialled: None) -> None:
    own = terminal.data / "personas"
    own.mkdir(parents=True)
    text = (CALLERS / "abusive.yaml").read_text()
    (own / "mine.yaml").write_text(text.replace("id: abusive", "id: mine"))
    assert "simulator bench dial --persona mine" in terminal("personas", "card", "mine").out
    (own / "abusive.yaml").write_text(text.replace("name: Brett Tolhurst", "name: Bert Holtrust"))
    assert "simulator bench dial --persona abusive" in terminal("personas", "card", "abusive").out


def test_a_card_needs_one_name_or_all(terminal) -> None:
    for wrong in ((), ("abusive", "--all")):
        done = terminal("personas", "card", *wrong)
        assert (done.code, "--all" in done.err) == (2, True)
    assert "Did you mean abusive?" in terminal("personas", "card", "abusiv").err
