"""The second opinion of a model server: one that tells probabilities, follows a schema, just answers, or does none of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from opinionkit import BEFORE, BRIEF, OPTIONS, SAID, chat
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from simulator.evaluator.second_opinion import Failed, SecondOpinion
from simulator.models import ServerModel

Answer = Callable[[dict[str, Any]], Any]


@pytest.fixture
def serving(httpserver: HTTPServer) -> Callable[..., ServerModel]:
    """A model on a real server that answers with what `answer` makes of the request."""

    def opened(answer: Answer, **options: Any) -> ServerModel:
        def handle(request: Request) -> Response:
            made = answer(json.loads(request.get_data()))
            return made if isinstance(made, Response) else Response(json.dumps(made), content_type="application/json")

        httpserver.expect_request("/v1/chat/completions").respond_with_handler(handle)
        address = httpserver.url_for("/v1") + "#m"
        return ServerModel(address, check=False, max_retries=0, **options)

    return opened


def refused() -> Response:
    body = {"error": {"message": "unknown argument"}}
    return Response(json.dumps(body), 400, content_type="application/json")


def test_a_server_that_tells_probabilities(serving: Callable[..., ServerModel]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return chat("4", [("4", 0.5), (" 5", 0.2), ("N", 0.1), ("Four", 0.1)])

    found = serving(answer).decide(("The rubric.", "The call.", "Level:"), OPTIONS)
    assert found == pytest.approx((0.125, 0, 0, 0, 0.625, 0.25))
    assert asked[0]["top_logprobs"] == 20
    assert asked[0]["messages"][0] == {"role": "system", "content": "The rubric."}
    assert asked[0]["messages"][1]["content"].endswith("nothing else: n/a, 1, 2, 3, 4, 5.")


def test_a_server_that_only_follows_a_schema(serving: Callable[..., ServerModel]) -> None:
    ways: list[str] = []

    def answer(request: dict[str, Any]) -> Any:
        ways.append("logprobs" if "logprobs" in request else "schema" if "response_format" in request else "plain")
        if "logprobs" in request:
            return refused()
        assert request["response_format"]["json_schema"]["schema"]["properties"]["answer"]["enum"] == list(OPTIONS)
        return chat('{"answer": "n/a"}')

    model = serving(answer)
    assert model.decide(("a",), OPTIONS) == (1, 0, 0, 0, 0, 0)
    assert model.decide(("a",), OPTIONS) == (1, 0, 0, 0, 0, 0)
    assert ways == ["logprobs", "schema", "schema"], "what a server refuses is not asked again"


@pytest.mark.parametrize("said", ["3", " 3.\n", '"3"', "3", '{"level": 3}'])
def test_a_server_that_just_answers(serving: Callable[..., ServerModel], said: str) -> None:
    plain = serving(lambda request: chat(said) if "response_format" not in request else refused())
    assert plain.decide(("a",), OPTIONS) == (0, 0, 0, 1, 0, 0)


@pytest.mark.parametrize(
    "made",
    [
        chat("I would say 3 or 4."), chat(None), chat("33"), {"choices": []}, {"choices": [{"index": 0}]}, {"id": 4},
        chat("Sure", [("Sure", 0.9), ("4", 0.1)]),
        {"choices": [{"message": {"content": ["3"]}, "logprobs": {"content": [{"token": 7, "top_logprobs": 3}]}}]},
        Response("<html>Log in</html>", content_type="text/html"), Response("{half", content_type="application/json"),
        Response("[]", content_type="application/json"), Response("", 500),
    ],
)  # fmt: skip
def test_garbage_is_no_grade_but_a_sentence(serving: Callable[..., ServerModel], made: Any) -> None:
    given = SecondOpinion(serving(lambda _: made)).grade(SAID, BEFORE, BRIEF)
    assert isinstance(given, Failed)
    assert "model server" in given.reason or "OpenAI-compatible" in given.reason, given.reason


def test_a_server_that_is_down_or_slow(serving: Callable[..., ServerModel]) -> None:
    def slow(_: object) -> dict[str, Any]:
        time.sleep(0.6)
        return chat("3")

    given = SecondOpinion(serving(slow, timeout=0.2)).grade(SAID, BEFORE, BRIEF)
    assert isinstance(given, Failed)
    assert "did not answer within 0.2 seconds" in given.reason
    down = ServerModel("http://127.0.0.1:9/v1#m", check=False, max_retries=0)
    given = SecondOpinion(down).grade(SAID, BEFORE, BRIEF)
    assert isinstance(given, Failed)
    assert "is it running?" in given.reason
