"""Redaction: what says who somebody is becomes a tag, and nothing else changes."""

from __future__ import annotations

import re
import time

import pytest
from builders import assessment, play, scenario, started
from hypothesis import given
from hypothesis import strategies as st

from simulator.assessment import Check, Evidence, Source
from simulator.call import fold
from simulator.debrief import debrief
from simulator.errors import CallError
from simulator.events import EVENT, CallStarted, NoteWritten, TraineeSpoke, TurnGraded
from simulator.persona import personas
from simulator.redaction import CARD, E_MAIL, IBAN, PHONE, Names, Redacted, find, introduced, names_in, redact, redacted
from simulator.report import render, transcript_jsonl
from simulator.scenario import scenarios
from simulator.vocabulary import Dimension, Fault

NAMES = Names({"Mrs Ifeoma Nwachukwu": "[caller]", "Stefan Price": "[name]", "Zoë O'Hara": "[trainee]", "Bo": "[name]"})

FOUND = [
    ("Mail me at a.b+c@ex-ample.co.uk, please.", "Mail me at [e-mail], please."),
    ("“rowan@example.com”", "“[e-mail]”"),
    ("It is rowan at example dot com.", "It is [e-mail]."),
    ("GB82 WEST 1234 5698 7654 32 is mine", "[IBAN] is mine"),
    ("My IBAN is GB82 WEST 1234 5698 7654 32 I think.", "My IBAN is [IBAN] I think."),
    ("de89370400440532013000.", "[IBAN]."),
    ("card 4111 1111 1111 1111, 12/27", "card [card], 12/27"),
    ("5500-0000-0000-0004", "[card]"),
    ("amex 378282246310005!", "amex [card]!"),
    ("ring +44 20 7946 0958 now", "ring [phone] now"),
    ("+49 (0)30 901820", "[phone]"),
    ("0049 30 901820", "[phone]"),
    ("call 020 7946 0958.", "call [phone]."),
    ("07700 900123 or 07700900123", "[phone] or [phone]"),
    ("(555) 123-4567", "[phone]"),
    ("It's 1-555-123-4567.", "It's [phone]."),
    ("my number is 5551234", "my number is [phone]"),
    ("MRS NWACHUKWU, Ifeoma’s kettle", "MRS [caller], [caller]’s kettle"),
    ("ifeoma nwachukwu", "[caller]"),
    ("zoe o’hara; Zoë", "[trainee]; [trainee]"),
    ("I asked Price about it, and Stefan Price.", "I asked [name] about it, and [name]."),
    ("I saw Bo.", "I saw [name]."),
]
KEPT = [
    "Order K-77 for £1,246.00 on 03.05.2025 at 10:30.",
    "order 0012345678", "Order number is 07700900123", "booking no. 0123 456 789", "Tracking: 00340434161094042557",
    "invoice #0123456789", "supply number 1100-4471", "Meter 1234567890 reads 0012345", "Reference QX7LMN 123456789",
    "account 12345678", "case no 0800123456",
    "2025-05-03 and 03/05/2025 at 10.30", "03-05-2025", "1.5.2025, 09:10", "2019-2020", "between 2019 and 2020",
    "€ 1.246,00", "1 246,00 €", "1,000,000 pounds", "GBP 40", "40 %", "12.5%", "$150",
    "flight NS 274, 23 April 17:35", "SV 1472 22:20 to Oslo 23:30", "Windows 10.0.19045", "192.168.100.200",
    "4111 1111 1111 1112", "1111 1111 1111 1111", "GB82 WEST 1234 5698 7654 33", "8 to 18, 9:00 to 17:00",
    "The price is 40. Price matters.", "We will bo.", "meet @ noon", "a@b", "1000 2000 3000",
    "Call back within 2 hours. 5551234 parts are left.",
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), FOUND)
def test_what_says_who_somebody_is_becomes_a_tag(text: str, wanted: str) -> None:
    assert redact(text, NAMES) == wanted


@pytest.mark.parametrize("text", KEPT)
def test_orders_prices_dates_and_words_survive(text: str) -> None:
    assert redact(text, NAMES) == text


# --- any text --------------------------------------------------------------------------------------------------------

pieces = st.sampled_from([t for pair in FOUND for t in pair] + KEPT) | st.text(max_size=12)
texts = st.lists(pieces, max_size=6).map(" ".join)


@given(texts)
def test_everything_outside_spans_stays_verbatim(text: str) -> None:
    spans, at, rebuilt = find(text, NAMES), 0, ""
    for span in spans:
        assert at <= span.start < span.end <= len(text)
        rebuilt += text[at : span.start] + span.tag
        at = span.end
    assert redact(text, NAMES) == rebuilt + text[at:]


@given(texts)
def test_a_tag_stands_where_a_span_was(text: str) -> None:
    once = Redacted(text, NAMES)
    for span in once.spans:
        start, end = once.moved(span.start, span.end)
        assert once.text[start:end] == span.tag


@given(texts, st.data())
def test_a_quote_moves_with_its_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    new = Redacted(text, NAMES)
    a, b = new.moved(start, end)
    assert 0 <= a <= b <= len(new.text)
    if not any(s.start < end and start < s.end for s in new.spans):
        assert new.text[a:b] == text[start:end]
    else:
        assert any(s.tag in new.text[a:b] for s in new.spans)


@given(st.emails(domains=st.just("example.com")).filter(lambda a: re.fullmatch(r"[\w.+'-]{1,60}\w@example\.com", a)))
def test_any_plain_address_is_found(address: str) -> None:
    assert redact(f"Write to {address}, please.") == "Write to [e-mail], please."


@given(st.integers(10**13, 10**14 - 1).map(lambda n: f"4{n}"), st.sampled_from(["", " ", "-"]))
def test_any_card_number_is_found_and_one_digit_off_is_none(number: str, between: str) -> None:
    digits = [int(d) for d in number]
    total = sum(digits[1::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[::2])  # the check digit is the sixteenth
    check = -total % 10
    grouped = between.join(re.findall("....", f"{number}{check}"))
    assert redact(f"It is {grouped}.") == "It is [card]."
    wrong = between.join(re.findall("....", f"{number}{(check + 1) % 10}"))
    assert CARD not in redact(f"It is {wrong}.")


@given(st.sampled_from(["£{}", "{} pounds", "order {}", "Order number: {}", "€ {}", "ref {}"]), st.integers(10, 10**10))
def test_no_price_and_no_order_number_is_a_telephone(shape: str, number: int) -> None:
    assert PHONE not in redact(f"That was {shape.format(number)}, I believe.")


@given(st.dates())
def test_no_date_is_a_telephone(day: object) -> None:
    for shape in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m-%d-%Y", "%d %B %Y"):
        text = f"on {day.strftime(shape)} at 10:30"  # type: ignore[attr-defined]
        assert redact(text) == text


@pytest.mark.parametrize(
    "junk",
    [
        "1 " * 4000,
        "a-" * 4000,
        "'a" * 4000,
        "0" * 8000,
        "GB82 " * 1600,
        "a.b+" * 2000,
        "(1" * 4000,
        "4111 " * 1600,
        "A " * 4000,
    ],
    ids=lambda junk: junk[:6],
)
def test_a_long_turn_of_anything_takes_no_time(junk: str) -> None:
    began = time.process_time()
    redact(junk, NAMES)
    list(introduced(junk))
    assert time.process_time() - began < 3


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "given_"),
    [
        ("Good morning, this is Rowan. How can I help?", ["Rowan"]),
        ("Ada Byron speaking", ["Ada Byron"]),
        ("Good morning Ada speaking", ["Ada"]),
        ("my name is zoe", ["zoe"]),
        ("you're speaking to Sam Okoye at the desk", ["Sam Okoye"]),
        ("My name’s Zoë O’Hara, hello", ["Zoë O’Hara"]),
        ("I'm Sorry to hear that. I am Sure. It's Monday. Nobody here. Customer Care here.", []),
        ("This is not good. I'm afraid not. Who is speaking", []),
    ],
)
def test_a_name_given_on_the_line_is_known(said: str, given_: list[str]) -> None:
    assert list(introduced(said)) == given_


def test_a_call_knows_its_names() -> None:
    about = scenario(people=("Orla Keane",), handover="To Orla Keane, until 17:00.")
    events = play(
        "Kettle speaking, this is Rowan.", "Orla will call you, Ms Quist, says rowan.", start=started(about=about)
    )
    names = names_in(events)
    said = [redact(e.text, names) for e in events if isinstance(e, TraineeSpoke)]
    assert said == ["Kettle speaking, this is [trainee].", "[name] will call you, Ms [caller], says [trainee]."]
    with pytest.raises(CallError):
        names_in(())


def test_every_person_of_a_shipped_scenario_is_in_it_and_named() -> None:
    for about in scenarios().values():
        whole = about.model_dump_json(exclude={"people"})
        assert about.people, about.id
        assert all(name in whole for name in about.people), about.id
        given = re.findall(r"(?:lead|manager|with|by|Advocate office) \(?([A-Z][a-z]+ [A-Z][a-z]+)\b", about.handover)
        assert set(given) <= set(about.people), about.id


# --- a whole call ----------------------------------------------------------------------------------------------------


def a_call() -> list[object]:
    said = "I am sorry, Ada: write to me, rowan@example.com, or ring 020 7946 0958. Calm down."
    quotes = ("sorry, Ada", "rowan@example.com, or ring 020", "Calm down")
    evidence = tuple(Evidence(about=Dimension.CALMNESS, quote=q, start=said.index(q)) for q in quotes)
    check = Check(fault=Fault.RUSHES, quote="Ada", start=said.index("Ada"), source=Source.FACT, says="Ada paid.")
    grades = assessment(evidence=evidence).model_copy(update={"checks": (check,)})
    events = play("Hello, this is Rowan.", said, grades=[assessment(), grades], end=True)
    return [*events, NoteWritten(at=0, text="Ada Quist, 4111 1111 1111 1111")]


def test_a_redacted_stream_is_the_same_call_without_people() -> None:
    events = a_call()
    new = redacted(events)  # type: ignore[arg-type]
    assert [e.kind for e in new] == [e.kind for e in events]  # type: ignore[attr-defined]
    whole = "".join(e.model_dump_json() for e in new)
    for secret in ("Ada", "Quist", "Rowan", "rowan", "7946", "4111"):
        assert secret not in whole, secret
    assert new[-1] == NoteWritten(at=0, text="[caller], [card]")
    said = [e.text for e in new if isinstance(e, TraineeSpoke)][1]
    assert said == "I am sorry, [caller]: write to me, [e-mail], or ring [phone]. Calm down."
    for event in new:
        assert EVENT.validate_json(event.model_dump_json()) == event
        if isinstance(event, TurnGraded) and event.turn == 2:
            given = [*event.assessment.evidence, *event.assessment.checks]
            assert [e.quote for e in given] == [
                "sorry, [caller]", "[e-mail], or ring [phone]", "Calm down", "[caller]"
            ]  # fmt: skip
            assert all(said[e.start : e.start + len(e.quote)] == e.quote for e in given)
            assert event.assessment.checks[0].says == "[caller] paid."
    assert fold(new).grades.keys() == fold(events).grades.keys()  # type: ignore[arg-type]


def test_reports_are_made_of_it() -> None:
    call = fold(redacted(a_call()))  # type: ignore[arg-type]
    for text in (render(call, debrief(call)), transcript_jsonl(call)):
        assert "[e-mail]" in text
        assert not re.search(r"\b(?:Ada|Quist|[Rr]owan|7946|4111)\b", text)


def test_shipped_callers_and_scenarios_stay_readable() -> None:
    for who, about in zip(personas().values(), [*scenarios().values()] * 2, strict=False):
        start = started(who=who, about=about)
        [new] = redacted((start,))
        assert isinstance(new, CallStarted)
        assert EVENT.validate_json(new.model_dump_json()) == new
        assert new.persona.name.endswith("[caller]")
        assert (new.persona.id, new.scenario.id, new.persona.traits) == (who.id, about.id, who.traits)
        for tag in (E_MAIL, PHONE, CARD, IBAN):
            assert tag not in new.scenario.model_dump_json(), about.id
