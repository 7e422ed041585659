"""The server model against a real HTTP server on loopback that speaks the OpenAI protocol, well and badly."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from simulator.errors import ModelNotFoundError, ServerError
from simulator.models import Sampling, ServerModel

MODELS = {"object": "list", "data": [{"id": "qwen-7b", "object": "model", "created": 1, "owned_by": "us"}]}
SAMPLING = Sampling(seed=5, stop=("\n", "Agent:"))


def event(text: str | None, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return (
        "data: "
        + json.dumps({"id": "1", "object": "chat.completion.chunk", "created": 1, "choices": [choice]})
        + "\n\n"
    )


def sse(*events: str, status: int = 200) -> Response:
    return Response("".join(events), status, content_type="text/event-stream")


@pytest.fixture
def server(httpserver: HTTPServer) -> HTTPServer:
    httpserver.expect_request("/v1/models").respond_with_json(MODELS)
    return httpserver


def opened(server: HTTPServer, name: str = "qwen-7b", **options: Any) -> ServerModel:
    return ServerModel(server.url_for("/v1") + (f"#{name}" if name else ""), max_retries=0, **options)


def answer(server: HTTPServer, *events: str, **options: Any) -> list[str]:
    server.expect_request("/v1/chat/completions").respond_with_response(sse(*events, **options))
    return list(opened(server).stream(("You are cross.", "Agent: Hello.\n", "Caller:"), SAMPLING))


def test_it_streams_until_a_stop_cut_in_two(server: HTTPServer) -> None:
    assert answer(server, event("Where is "), event("it? Ag"), event("ent: x"), event(None, "stop")) == [
        "Where is ",
        "it? ",
    ]
    sent = json.loads(server.log[-1][0].get_data())
    assert sent["messages"] == [
        {"role": "system", "content": "You are cross."},
        {"role": "user", "content": "Agent: Hello.\nCaller:"},
    ]
    assert (sent["seed"], sent["max_tokens"], sent["model"], sent["stop"]) == (5, 60, "qwen-7b", ["\n", "Agent:"])


def test_a_server_with_one_model_need_not_be_told_which(server: HTTPServer) -> None:
    assert opened(server, "").info.name == "qwen-7b"


def test_its_own_message_builder_is_used(server: HTTPServer) -> None:
    server.expect_request("/v1/chat/completions").respond_with_response(sse(event("Hm.", "stop")))
    model = opened(server, messages=lambda segments: [{"role": "user", "content": "|".join(segments)}])
    assert list(model.stream(("a", "b"), SAMPLING)) == ["Hm."]
    assert json.loads(server.log[-1][0].get_data())["messages"] == [{"role": "user", "content": "a|b"}]


def test_an_unknown_model_is_told_with_what_there_is(server: HTTPServer) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no model 'qwen-7'; did you mean qwen-7b\? It has qwen-7b"):
        opened(server, "qwen-7")


def test_a_model_unloaded_later(server: HTTPServer) -> None:
    server.expect_request("/v1/chat/completions").respond_with_json({"error": {"message": "no such model"}}, 404)
    with pytest.raises(ModelNotFoundError, match="gone"):
        list(opened(server, "gone", check=False).stream(("a",), SAMPLING))


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ServerError, match=f"no model server answers at http://127.0.0.1:{port}/v1 .*is it running"):
        ServerModel(f"http://127.0.0.1:{port}/v1#m", max_retries=0)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses the key; set SIMULATOR_API_KEY"),
        (403, "does not allow"),
        (429, "too often"),
        (503, "failed .503: full"),
    ],
)
def test_refusals(httpserver: HTTPServer, status: int, words: str) -> None:
    httpserver.expect_request("/v1/models").respond_with_json({"error": {"message": "full"}}, status)
    with pytest.raises(ServerError, match=words):
        opened(httpserver)


def test_a_busy_server_is_asked_again(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/v1/models").respond_with_data("", 503, {"retry-after-ms": "10"})
    httpserver.expect_ordered_request("/v1/models").respond_with_json(MODELS)
    assert ServerModel(httpserver.url_for("/v1") + "#qwen-7b").info.name == "qwen-7b"


@pytest.mark.parametrize("status", [200, 404])
def test_a_web_site_is_not_a_model_server(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/v1/models").respond_with_data("<html>Hello</html>", status, content_type="text/html")
    with pytest.raises(ServerError, match="not an OpenAI-compatible server"):
        opened(httpserver)


def test_a_web_page_instead_of_an_answer(server: HTTPServer) -> None:
    server.expect_request("/v1/chat/completions").respond_with_data("<html>Log in</html>", content_type="text/html")
    with pytest.raises(ServerError, match="not an OpenAI-compatible server"):
        list(opened(server).stream(("a",), SAMPLING))


def test_a_stream_of_nonsense(server: HTTPServer) -> None:
    with pytest.raises(ServerError, match="not an OpenAI-compatible server"):
        answer(server, "data: {half\n\n")


def test_an_error_inside_the_stream(server: HTTPServer) -> None:
    with pytest.raises(ServerError, match="failed: out of memory"):
        answer(server, event("Well"), 'data: {"error": {"message": "out of memory"}}\n\n')


def test_a_stream_that_just_ends(server: HTTPServer) -> None:
    with pytest.raises(ServerError, match="broke off in the middle"):
        answer(server, event("Where is"))


def test_a_connection_that_breaks(server: HTTPServer) -> None:
    def cut(_: Request) -> Response:
        def body() -> Iterator[str]:
            yield event("Where")
            raise ConnectionResetError

        return Response(body(), content_type="text/event-stream", headers={"Content-Length": "9999"})

    server.expect_request("/v1/chat/completions").respond_with_handler(cut)
    with pytest.raises(ServerError, match="broke off in the middle"):
        list(opened(server).stream(("a",), SAMPLING))


def test_a_server_that_takes_too_long(httpserver: HTTPServer) -> None:
    def slow(_: Request) -> Response:
        time.sleep(0.6)
        return Response("{}")

    httpserver.expect_request("/v1/models").respond_with_handler(slow)
    with pytest.raises(ServerError, match=r"did not answer within 0\.2 seconds"):
        opened(httpserver, timeout=0.2)


def test_an_address_that_is_none() -> None:
    with pytest.raises(ServerError, match="not an address like"):
        ServerModel("http://#m")
