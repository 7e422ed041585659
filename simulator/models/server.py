"""`ServerModel`: any server that speaks the OpenAI protocol (vLLM, SGLang, llama-server, Ollama, transformers serve).

Whatever goes wrong there becomes one sentence about the server and what to do; the openai client is imported when first
needed. A server that fails again and again is left alone for a while (`breaker.py`): asking then fails at once.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from math import inf
from typing import Any, Self
from urllib.parse import urlsplit

from simulator.errors import ModelError, ModelNotFoundError, ServerError, near, shorten
from simulator.models.base import ModelInfo, Sampling, Source, check_options, still_wanted
from simulator.models.breaker import Breaker, State
from simulator.models.decoding import filtered
from simulator.models.server_client import CONNECT, borrow, give_back, patiently
from simulator.models.server_decision import Way, asked, decision

Message = dict[str, str]
BROKEN = {"ReadError", "RemoteProtocolError"}
"""Names of the HTTP library's errors for a connection that broke (by name: the client may use either httpx)."""
MOST_STOPS = 4
"""The protocol takes no more; the others are looked for here."""
SHORT = 10.0
"""Seconds for what a server does at once: listing its models, one word to show that it is there."""
INSTEAD = "or leave --model out to use the embedded model"


def as_messages(segments: tuple[str, ...]) -> list[Message]:
    """The first segment as the system message, the rest joined as one user message."""
    if len(segments) < 2:
        return [{"role": "user", "content": "".join(segments)}]
    return [{"role": "system", "content": segments[0]}, {"role": "user", "content": "".join(segments[1:])}]


class ServerModel:
    """LanguageModel over `address`, `http://host[:port]/v1#model`; without `#model` the server must have just one.

    All in seconds: `timeout` for each wait, `deadline` for a whole answer, retries (at most `max_retries`) included; a wait
    that has begun may outlast it. After `failures` in a row it is asked again after `rest`. `messages` turns segments into
    chat messages. `repetition_penalty` is not part of the protocol and is not sent; `cache_key` is not used. Lists the
    server's models at once unless `check` is False. Raises ServerError, ModelNotFoundError.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str = "",
        timeout: float = 20.0,
        deadline: float = 30.0,
        max_retries: int = 4,
        failures: int = 3,
        rest: float = 15.0,
        messages: Callable[[tuple[str, ...]], list[Message]] = as_messages,
        check: bool = True,
    ) -> None:
        url, _, self._name = address.partition("#")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerError(f"{shorten(address)!r} is not an address like http://localhost:8000/v1#model.")
        self._url, self._key = url.rstrip("/"), api_key
        self._timeout, self._deadline, self._until = timeout, deadline, inf
        self._retries, self._messages = max_retries, messages
        self._ways = list(Way)  # of asking for a decision; those that this server refuses are dropped
        self._client = borrow(self._url, api_key)
        self._breaker = Breaker(f"the model server at {self._url}", self._speaks, failures=failures, rest=rest)
        if check:
            try:
                self.check()
            except BaseException:
                self.close()
                raise

    def within(self, seconds: float) -> Self:
        """The same model, for a turn that may take so long from now on, however often it is asked. Not to be closed."""
        bounded = copy.copy(self)
        bounded._until = time.monotonic() + seconds
        return bounded

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(self._name, Source.SERVER)

    def check(self) -> tuple[str, ...]:
        """Names of the server's models. Takes the only one when none was named; raises ServerError when it cannot be
        talked to, ModelNotFoundError when the model is not among them."""
        until = time.monotonic() + SHORT
        with self._explained():
            try:
                page: Any = patiently(
                    lambda: self._client.models.list(timeout=self._waits(until)), until=until, retries=self._retries
                )
            except AttributeError as error:  # how openai 3 stumbles over a page of HTML that says 200
                raise ServerError(self._not_openai()) from error
            listed = getattr(page, "data", None)
        if not isinstance(listed, list):  # a page of HTML arrives as a string, another service's JSON without `data`
            raise ServerError(self._not_openai())
        names = tuple(str(getattr(model, "id", "")) for model in listed)
        if not self._name and len(names) == 1:
            self._name = names[0]
        if self._name not in names:
            raise ModelNotFoundError(self._unknown(names))
        return names

    def stream(
        self,
        segments: tuple[str, ...],
        sampling: Sampling,
        *,
        cache_key: str | None = None,
    ) -> Iterator[str]:
        """Pieces of the answer as they arrive, ending before the first stop string. Raises ServerError (also in the
        middle, when the stream breaks), ModelNotFoundError."""
        with closing(self._pieces(segments, sampling)) as pieces:
            yield from filtered(pieces, sampling.stop)

    def decide(
        self,
        segments: tuple[str, ...],
        options: tuple[str, ...],
        *,
        cache_key: str | None = None,
        pause: Callable[[], None] | None = None,
    ) -> tuple[float, ...]:
        """Probabilities of `options` where the server tells those of its first token; else 1 for the option it
        answers, asked for in a JSON schema, or at last in plain words. Raises ServerError also when no way of asking
        brings one of the options; ModelNotFoundError."""
        import openai

        check_options(options)
        if pause is not None:
            pause()
        messages, said, refused = self._messages(segments), "", list[Way]()
        for way in tuple(self._ways):
            request, until = asked(way, messages, options), self._end()
            with self._counted():
                try:
                    answer: Any = patiently(
                        lambda request=request, until=until: self._client.chat.completions.create(  # type: ignore[misc]
                            model=self._name, **request, timeout=self._waits(until)
                        ),
                        until=until,
                        retries=self._retries,
                    )
                except (openai.BadRequestError, openai.UnprocessableEntityError):
                    if way is self._ways[-1]:
                        raise
                    refused.append(way)
                    continue
                if not hasattr(answer, "choices"):  # a page of HTML arrives as a string
                    raise ServerError(self._not_openai())
            # Only now: were it the prompt that the server refuses, every way would be refused.
            self._ways = [w for w in self._ways if w not in refused]
            found, said = decision(way, answer, options)
            if found:
                return found
        raise ServerError(
            f"the model server at {self._url} answered {shorten(said, 60)!r}, which is none of {', '.join(options)}."
        )

    def close(self) -> None:
        """Give the connections back, and ask no more."""
        self._breaker.close()
        give_back(self._url, self._key)

    def _pieces(self, segments: tuple[str, ...], sampling: Sampling) -> Generator[str, None, None]:
        finished, until = False, self._end()
        with self._counted():
            answer: Any = patiently(
                lambda: self._client.chat.completions.create(
                    model=self._name,
                    messages=self._messages(segments),  # type: ignore[arg-type]
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    max_tokens=sampling.max_tokens,
                    seed=sampling.seed,
                    stop=list(sampling.stop[:MOST_STOPS]) or None,
                    stream=True,
                    timeout=self._waits(until),
                ),
                until=until,
                retries=self._retries,
            )
            with closing(answer):
                if "text/html" in answer.response.headers.get("content-type", ""):
                    raise ServerError(self._not_openai())
                for event in answer:
                    still_wanted()
                    if time.monotonic() > until:
                        raise ServerError(self._too_slow())
                    for choice in getattr(event, "choices", None) or []:
                        finished = finished or choice.finish_reason is not None
                        if choice.delta is not None and choice.delta.content:
                            yield choice.delta.content
            if not finished:
                raise ServerError(
                    f"the model server at {self._url} broke off in the middle of its answer; try the turn again."
                )

    def _speaks(self) -> None:
        """One word, to see whether it is back. Raises ServerError, ModelNotFoundError."""
        with self._explained():
            answer: Any = self._client.chat.completions.create(
                model=self._name,
                messages=[{"role": "user", "content": "Hello"}],
                max_tokens=1,
                timeout=min(self._timeout, SHORT),
            )
            if not hasattr(answer, "choices"):
                raise ServerError(self._not_openai())

    def _end(self) -> float:
        """When an answer asked for now has to be there (monotonic seconds)."""
        return min(self._until, time.monotonic() + self._deadline)

    def _waits(self, until: float) -> Any:
        """How long to wait for a connection, and each time for more. Raises ServerError if the time is over."""
        from openai import Timeout

        left = until - time.monotonic()
        if left <= 0:
            raise ServerError(self._too_slow())
        return Timeout(min(self._timeout, left), connect=min(CONNECT, self._timeout, left))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Errors of the client as ours, told to the breaker unless it is the request that is wrong; where the breaker is
        open, an error at once."""
        import openai

        if self._breaker.state is not State.CLOSED:
            raise ServerError(
                f"the model server at {self._url} has failed several times and is left alone for a while; it is tried again "
                "by itself. The log says why it failed."
            )
        try:
            with self._explained():
                yield
            self._breaker.succeeded()
        except GeneratorExit:  # enough has been heard
            self._breaker.succeeded()
            raise
        except ModelError as error:
            if not isinstance(error.__cause__, openai.BadRequestError | openai.UnprocessableEntityError):
                self._breaker.failed()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the client as ours."""
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            raise ServerError(self._too_slow()) from error
        except openai.APIResponseValidationError as error:
            raise ServerError(self._not_openai()) from error
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if type(cause).__name__ in BROKEN:
                raise ServerError(
                    f"the model server at {self._url} broke off in the middle; try the turn again."
                ) from error
            raise ServerError(
                f"no model server answers at {self._url} ({shorten(str(cause or error), 100)}); is it running? Start it, "
                f"{INSTEAD}."
            ) from error
        except openai.AuthenticationError as error:
            raise ServerError(f"the model server at {self._url} refuses the key; set SIMULATOR_API_KEY.") from error
        except openai.PermissionDeniedError as error:
            raise ServerError(
                f"the model server at {self._url} does not allow this key to use {self._name!r}."
            ) from error
        except openai.NotFoundError as error:
            raise self._not_found(error) from error
        except openai.RateLimitError as error:
            raise ServerError(
                f"the model server at {self._url} is asked too often just now; wait a little, or give it more room for requests at once."
            ) from error
        except openai.APIStatusError as error:
            whose = "failed" if error.status_code >= 500 else "refused the request"
            raise ServerError(
                f"the model server at {self._url} {whose} ({error.status_code}: {shorten(_said(error), 120)}); its own log says more."
            ) from error
        except openai.APIError as error:  # an error reported inside the stream
            raise ServerError(f"the model server at {self._url} failed: {shorten(error.message, 120)}.") from error
        except ValueError as error:  # an event of the stream, or an answer, that is not JSON
            raise ServerError(self._not_openai()) from error

    def _not_found(self, error: Any) -> ServerError | ModelNotFoundError:
        """404 means an unknown model, or an address where no such protocol is spoken."""
        if not isinstance(error.body, dict):
            return ServerError(self._not_openai())
        try:
            names = tuple(model.id for model in self._client.models.list().data)
        except Exception:  # the list is a courtesy in an error message
            return ServerError(self._not_openai())
        if self._name in names:
            return ServerError(
                f"the model server at {self._url} lists {self._name!r} and does not find it; see its log."
            )
        return ModelNotFoundError(self._unknown(names))

    def _unknown(self, names: tuple[str, ...]) -> str:
        has = ", ".join(shorten(name, 60) for name in names[:10]) or "none"
        if not self._name:
            return f"name one of the models of {self._url} after a #: it has {has}."
        hint = near(self._name, names)
        return (
            f"the model server at {self._url} has no model {shorten(self._name)!r}"
            + (f"; did you mean {hint}?" if hint else ";")
            + f" It has {has}."
        )

    def _too_slow(self) -> str:
        return (
            f"the model server at {self._url} did not answer within {min(self._timeout, self._deadline):g} seconds; let it "
            "do less at once, or set SIMULATOR_SERVER_TIMEOUT and SIMULATOR_SERVER_DEADLINE higher."
        )

    def _not_openai(self) -> str:
        return f"what answers at {self._url} is not an OpenAI-compatible server; does the address end in /v1?"


def _said(error: Any) -> str:
    """The server's own words, if it sent any."""
    body = error.body
    return str(body.get("message") or body) if isinstance(body, dict) else type(error).__name__
