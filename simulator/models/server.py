"""`ServerModel`: any server that speaks the OpenAI protocol (vLLM, SGLang, llama-server, Ollama, transformers serve).

Whatever goes wrong there becomes one sentence about the server; the openai client is imported when first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from simulator.errors import ModelNotFoundError, ServerError, near, shorten
from simulator.models.base import ModelInfo, Sampling, Source, check_options
from simulator.models.decoding import filtered
from simulator.models.server_decision import Way, asked, decision

if TYPE_CHECKING:
    from openai import OpenAI

Message = dict[str, str]
BROKEN = {"ReadError", "RemoteProtocolError"}
"""Names of the HTTP library's errors for a connection that broke (by name: the client may use either httpx)."""
MOST_STOPS = 4
"""The protocol takes no more; the others are looked for here."""


def as_messages(segments: tuple[str, ...]) -> list[Message]:
    """The first segment as the system message, the rest joined as one user message."""
    if len(segments) < 2:
        return [{"role": "user", "content": "".join(segments)}]
    return [{"role": "system", "content": segments[0]}, {"role": "user", "content": "".join(segments[1:])}]


class ServerModel:
    """LanguageModel over `address`, `http://host[:port]/v1#model`; without `#model` the server must have just one.

    `timeout` in seconds, for a connection and for each wait; two retries. `messages` turns segments into chat messages.
    `repetition_penalty` is not part of the protocol and is not sent; `cache_key` is not used. Lists the server's models
    at once unless `check` is False. Raises ServerError, ModelNotFoundError.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str = "",
        timeout: float = 60.0,
        messages: Callable[[tuple[str, ...]], list[Message]] = as_messages,
        check: bool = True,
        max_retries: int = 2,
    ) -> None:
        from openai import OpenAI

        url, _, self._name = address.partition("#")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerError(f"{shorten(address)!r} is not an address like http://localhost:8000/v1#model.")
        self._url = url.rstrip("/")
        self._timeout, self._messages = timeout, messages
        self._ways = list(Way)  # of asking for a decision; those that this server refuses are dropped
        # The client refuses an empty key; servers that want none ignore it.
        self._client: OpenAI = OpenAI(
            base_url=self._url, api_key=api_key or "none", timeout=timeout, max_retries=max_retries
        )
        if check:
            try:
                self.check()
            except BaseException:
                self.close()
                raise

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(self._name, Source.SERVER)

    def check(self) -> tuple[str, ...]:
        """Names of the server's models. Takes the only one when none was named; raises ServerError when it cannot be
        talked to, ModelNotFoundError when the model is not among them."""
        with self._explained():
            try:
                page: Any = self._client.models.list()
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
            with self._explained():
                try:
                    answer: Any = self._client.chat.completions.create(
                        model=self._name, **asked(way, messages, options)
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
        """Close the connections."""
        self._client.close()

    def _pieces(self, segments: tuple[str, ...], sampling: Sampling) -> Generator[str, None, None]:
        finished = False
        with self._explained():
            answer: Any = self._client.chat.completions.create(
                model=self._name,
                messages=self._messages(segments),  # type: ignore[arg-type]
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_tokens,
                seed=sampling.seed,
                stop=list(sampling.stop[:MOST_STOPS]) or None,
                stream=True,
            )
            with closing(answer):
                if "text/html" in answer.response.headers.get("content-type", ""):
                    raise ServerError(self._not_openai())
                for event in answer:
                    for choice in getattr(event, "choices", None) or []:
                        finished = finished or choice.finish_reason is not None
                        if choice.delta is not None and choice.delta.content:
                            yield choice.delta.content
        if not finished:
            raise ServerError(
                f"the model server at {self._url} broke off in the middle of its answer; try the turn again."
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the client as ours."""
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            raise ServerError(
                f"the model server at {self._url} did not answer within {self._timeout:g} seconds."
            ) from error
        except openai.APIResponseValidationError as error:
            raise ServerError(self._not_openai()) from error
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if type(cause).__name__ in BROKEN:
                raise ServerError(
                    f"the model server at {self._url} broke off in the middle; try the turn again."
                ) from error
            raise ServerError(
                f"no model server answers at {self._url} ({shorten(str(cause or error), 100)}); is it running?"
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
            raise ServerError(f"the model server at {self._url} is asked too often just now; wait a little.") from error
        except openai.APIStatusError as error:
            whose = "failed" if error.status_code >= 500 else "refused the request"
            raise ServerError(
                f"the model server at {self._url} {whose} ({error.status_code}: {shorten(_said(error), 120)})."
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

    def _not_openai(self) -> str:
        return f"what answers at {self._url} is not an OpenAI-compatible server; does the address end in /v1?"


def _said(error: Any) -> str:
    """The server's own words, if it sent any."""
    body = error.body
    return str(body.get("message") or body) if isinstance(body, dict) else type(error).__name__
