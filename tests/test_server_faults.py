"""A model server that is busy, slow, gone or back again, in the middle of calls: no turn is lost to it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ScriptedGrader, persona, scenario
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from simulator.app.call_view import conversation
from simulator.caller.stand_in import ServerVoice
from simulator.caller.voice import Voice
from simulator.errors import ServerError
from simulator.events import CallerSpoke
from simulator.models import Sampling, ScriptedModel, ServerModel
from simulator.models.base import GivenUp, unless
from simulator.models.breaker import Breaker, State
from simulator.rehearsal import Choices, Rehearsal, Rehearsals
from simulator.report import transcript_jsonl
from simulator.store import open_store

SAMPLING = Sampling(seed=5)
WORDS = "I have waited for weeks now."
LINES = ("Somebody owes me an answer.", WORDS, "My sister laughs about it already.")


def said(*words: str, end: bool = True) -> str:
    """A streamed answer."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"content": word}, None) for word in words]
    choices = [*deltas, ({}, "stop")] if end else deltas
    return "".join(
        f"data: {json.dumps({'id': '1', 'choices': [{'index': 0, 'delta': d, 'finish_reason': f}]})}\n\n"
        for d, f in choices
    )


class Fickle:
    """A model server whose mood a test sets: `mood` answers each request for words."""

    def __init__(self, http: HTTPServer) -> None:
        self.asked: list[float] = []
        self.trials = self.spoken = 0
        self.mood: Callable[[], Response] = self.well
        self.address = http.url_for("/v1") + "#m"
        http.expect_request("/v1/models").respond_with_json({"data": [{"id": "m"}]})
        http.expect_request("/v1/chat/completions").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        if json.loads(request.get_data()).get("max_tokens") == 1:
            self.trials += 1
        self.asked.append(time.monotonic())
        answer = self.mood()
        if answer.status_code == 200 and not json.loads(request.get_data()).get("stream"):
            return Response(json.dumps({"choices": []}), content_type="application/json")
        return answer

    def well(self) -> Response:
        self.spoken += 1  # a caller who says the same twice is refused
        return Response(said(LINES[self.spoken % len(LINES)]), content_type="text/event-stream")

    def broken(self) -> Response:
        return Response(json.dumps({"error": {"message": "out of memory"}}), 503, content_type="application/json")

    def in_turn(self, *moods: Callable[[], Response]) -> None:
        """Another mood for each request; the last one stays."""
        left = list(moods)
        self.mood = lambda: (left.pop(0) if len(left) > 1 else left[0])()


@pytest.fixture
def server(httpserver: HTTPServer) -> Fickle:
    return Fickle(httpserver)


@pytest.fixture
def opened(server: Fickle) -> Iterator[Callable[..., ServerModel]]:
    models: list[ServerModel] = []

    def make(**options: Any) -> ServerModel:
        models.append(ServerModel(server.address, **options))
        return models[-1]

    yield make
    for model in models:
        model.close()


def words(model: ServerModel) -> str:
    return "".join(model.stream(("Be cross.", "Agent: Hello.\nCaller:"), SAMPLING))


def answers(status: int, **headers: str) -> Callable[[], Response]:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: Response('{"error": {"message": "full"}}', status, told, content_type="application/json")


# --- asked again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_until_it_answers(
    server: Fickle, opened: Callable[..., ServerModel], status: int
) -> None:
    server.in_turn(answers(status), answers(status), server.well)
    assert words(opened()) == WORDS
    first, second, third = server.asked
    assert second - first >= 0.2 and third - second >= 0.4  # half to all of 0.4 and 0.8, and the way


def test_it_is_asked_again_when_it_wants_to_be(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    server.in_turn(answers(429, Retry_After="1"), server.well)
    assert words(opened()) == WORDS
    assert server.asked[1] - server.asked[0] >= 1.0


def test_it_is_not_asked_again_past_the_deadline(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    server.mood = answers(429, Retry_After="60")
    began = time.monotonic()
    with pytest.raises(ServerError, match="asked too often just now; wait a little"):
        words(opened(deadline=30.0))
    assert time.monotonic() - began < 20 and len(server.asked) == 1


def test_the_deadline_is_the_turns_not_the_requests(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    model = opened(failures=9).within(1.0)
    server.mood = server.broken
    for _ in range(3):
        with pytest.raises(ServerError):
            words(model)
    asked = len(server.asked)
    assert asked <= 9  # three times five, had each request a second of its own
    time.sleep(1.0)
    with pytest.raises(ServerError, match="did not answer within"):
        words(model)
    assert len(server.asked) == asked


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_no_patience_mends_is_not_asked_again(
    server: Fickle, opened: Callable[..., ServerModel], status: int
) -> None:
    server.mood = answers(status)
    with pytest.raises(Exception, match=r"refuse|does not find"):
        words(opened())
    assert len(server.asked) == 1


def test_a_server_that_dribbles_is_left_at_the_deadline(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    def slow() -> Response:
        def body() -> Iterator[str]:
            for _ in range(100):
                yield said("well ", end=False)
                time.sleep(0.1)

        return Response(body(), content_type="text/event-stream")

    server.mood = slow
    heard = list[str]()
    with pytest.raises(ServerError, match=r"within 0\.6 seconds; .*SIMULATOR_SERVER_DEADLINE"):
        heard.extend(opened(deadline=0.6).stream(("a",), Sampling(max_tokens=100)))
    assert len(heard) < 50


def test_a_retry_that_nobody_waits_for_is_not_made(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    server.mood = answers(503, Retry_After="100")
    model, gone = opened(deadline=300.0), threading.Event()
    threading.Timer(0.3, gone.set).start()
    began = time.monotonic()
    with pytest.raises(GivenUp), unless(gone.is_set):
        words(model)
    assert time.monotonic() - began < 60 and len(server.asked) == 1


def test_models_of_one_server_share_one_pool(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    one, stranger = opened(), opened(api_key="another")
    other = ServerModel(server.address)
    assert one._client is other._client and one._client is not stranger._client
    other.close()
    assert words(one) == WORDS


# --- left alone, and back --------------------------------------------------------------------------------------------


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_the_breaker_opens_tries_and_closes() -> None:
    away, states = [True], list[State]()

    def trial() -> None:
        states.append(breaker.state)
        if away[0]:
            raise ServerError("still away")

    breaker = Breaker("it", trial, failures=2, rest=0.05, longest=0.1)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state is State.CLOSED
    breaker.failed()
    assert breaker.state is State.OPEN
    until(lambda: len(states) >= 3)
    away[0] = False
    until(lambda: breaker.state is State.CLOSED)
    assert set(states) == {State.HALF_OPEN}
    breaker.failed()
    assert breaker.state is State.CLOSED  # it counts anew


def test_a_closed_breaker_tries_no_more() -> None:
    tried: list[int] = []
    breaker = Breaker("it", lambda: tried.append(1), failures=1, rest=0.1)
    breaker.failed()
    breaker.close()
    time.sleep(0.3)
    assert not tried


def test_a_server_left_alone_costs_no_time(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    model = opened(failures=2, max_retries=0, rest=0.3)
    server.mood = server.broken
    for _ in range(2):
        with pytest.raises(ServerError, match="503: out of memory"):
            words(model)
    asked = len(server.asked) - server.trials
    with pytest.raises(ServerError, match="left alone for a while; it is tried again by itself"):
        words(model)
    assert len(server.asked) - server.trials == asked
    until(lambda: server.trials >= 1)
    server.mood = server.well
    until(lambda: model._breaker.state is State.CLOSED)
    assert words(model) in LINES


def test_a_request_that_is_wrong_is_not_the_servers_failure(server: Fickle, opened: Callable[..., ServerModel]) -> None:
    model = opened(failures=1)
    server.mood = answers(400)
    with pytest.raises(ServerError, match="refused the request"):
        words(model)
    server.mood = server.well
    assert words(model) == WORDS


# --- calls -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def call(server: Fickle, tmp_path: Path) -> Iterator[Rehearsal]:
    """A call whose caller is on the server, with a scripted model standing in."""
    model = ServerModel(server.address, timeout=0.5, max_retries=1, failures=2, rest=0.3)
    stand_in = Voice(ScriptedModel(lambda *_: "Nobody has rung me back since Monday.", name="own"))
    store = open_store(tmp_path / "calls.db")
    home = Rehearsals(ServerVoice(model, 5.0, stand_in), ScriptedGrader(), store)
    yield home.start(Choices(persona(), scenario(), seed=1), owner="ann")
    store.close()
    model.close()


def turn(call: Rehearsal, text: str) -> CallerSpoke:
    [spoke] = [e for e in call.submit(text) if isinstance(e, CallerSpoke)]
    return spoke


def hang() -> Response:
    time.sleep(1.5)
    return Response("", 500)


def drop() -> Response:
    def body() -> Iterator[str]:
        yield ": nothing yet\n\n"
        raise ConnectionResetError

    return Response(body(), content_type="text/event-stream", headers={"Content-Length": "9999"})


@pytest.mark.parametrize("fault", ["broken", "hang", "drop", "page", "gone"])
def test_no_turn_is_lost_while_the_server_is_away(
    server: Fickle, httpserver: HTTPServer, call: Rehearsal, fault: str
) -> None:
    assert not turn(call, "Good morning, Ada speaking.").stood_in
    moods = {"broken": server.broken, "hang": hang, "drop": drop, "gone": answers(404)}
    moods["page"] = lambda: Response("<html>Gateway</html>", content_type="text/html")
    server.mood = moods[fault]
    away = [turn(call, f"I am sorry, this is what I will do, number {n}.") for n in range(4)]
    assert all(spoke.stood_in and spoke.model == "own" for spoke in away)
    server.mood = server.well
    until(lambda: call._home.voice._server._breaker.state is State.CLOSED)  # type: ignore[attr-defined]
    back = turn(call, "Now the machine is well again.")
    assert (back.stood_in, back.written, back.model) == (False, False, "m")
    rows = [json.loads(row) for row in transcript_jsonl(call.call).splitlines()]
    assert [row["model"] for row in rows if row.get("speaker") == "caller"] == ["m", *["own"] * 4, "m"]
    assert conversation(call.call).count("The model server does not answer just now") == 1  # one calm line, not four


def test_words_already_said_stay_when_the_connection_breaks(server: Fickle, call: Rehearsal) -> None:
    turn(call, "Good morning, Ada speaking.")

    def half() -> Response:
        return Response(said("It is about time. ", "And the", end=False), content_type="text/event-stream")

    server.mood = half
    spoke = turn(call, "I am sorry to hear that.")
    assert spoke.text.startswith("It is about time.") and "And the" not in spoke.text
    assert spoke.model == "m" and not spoke.stood_in


def test_without_a_stand_in_the_turn_waits_for_the_server(server: Fickle, tmp_path: Path) -> None:
    model = ServerModel(server.address, max_retries=0, failures=5)
    with open_store(tmp_path / "calls.db") as store:
        home = Rehearsals(ServerVoice(model, 5.0), ScriptedGrader(), store)
        call = home.start(Choices(persona(), scenario(), seed=1), owner="ann")
        server.mood = server.broken
        with pytest.raises(ServerError):
            turn(call, "Good morning, Ada speaking.")
        call = home.take_up(call.id, owner="ann")
        server.mood = server.well
        assert [e.turn for e in call.resume() if isinstance(e, CallerSpoke)] == [1]
    model.close()


def test_a_server_that_was_switched_off(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = ServerModel(f"http://127.0.0.1:{port}/v1#m", check=False)
    with open_store(tmp_path / "calls.db") as store:
        voice = ServerVoice(model, 1.0, Voice(ScriptedModel(["Nobody has rung me back."], name="own")))
        call = Rehearsals(voice, ScriptedGrader(), store).start(Choices(persona(), scenario()), owner="ann")
        assert turn(call, "Good morning, Ada speaking.").model == "own"
    model.close()
