"""Chat completions as OpenAI's API has them: what is asked, what is answered, whole or in pieces."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.provider.luck import Fate

_CHARACTERS_PER_TOKEN = 4
"""What English text comes to with the tokenisers of such models; a tokeniser's own tables would have to be fetched."""
_WORDS = tuple(
    " the plan says that each agent takes one task and reports when it is done so next we check the result of every "
    "step before another one starts".replace(" ", "\0 ")
    .lstrip("\0")
    .split("\0")
)


class BadRequestError(Exception):
    """A request that the API refuses; `param` is the field it is about."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        self.param = param
        self.code = code
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for. `content` is what tells one call from another."""

    model: str
    content: Any
    prompt_tokens: int
    most_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False


def error_document(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def read_chat(body: bytes, models: Sequence[str]) -> Asked:
    """What the body of a chat completion asks for; raises `BadRequestError`."""
    document = read_object(body)
    model = read_model(document, models)
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("'messages' has to be a list of at least one message.", "messages")
    for k, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequestError(f"'messages[{k}]' has to be an object with a 'role'.", f"messages[{k}]")
    if document.get("n", 1) not in (1, None):
        raise BadRequestError("Only one choice can be had: 'n' has to be 1.", "n")
    stream = document.get("stream") or False
    if not isinstance(stream, bool):
        raise BadRequestError("'stream' has to be true or false.", "stream")
    options = document.get("stream_options") or {}
    if not isinstance(options, dict):
        raise BadRequestError("'stream_options' has to be an object.", "stream_options")
    return Asked(
        model=model,
        content=[model, messages],
        prompt_tokens=sum(map(_message_tokens, messages)),
        most_tokens=_most_tokens(document),
        stream=stream,
        include_usage=bool(options.get("include_usage")),
    )


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises `BadRequestError`."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequestError("We could not parse the JSON body of your request.") from None
    if not isinstance(document, dict):
        raise BadRequestError("The body of the request has to be a JSON object.")
    return document


def read_model(document: Mapping[str, Any], models: Sequence[str]) -> str:
    """The model that is asked for; raises `BadRequestError` for one that is not among `models`, where any are named."""
    model = document.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequestError("You must provide a model parameter.", "model")
    if models and model not in models:
        raise BadRequestError(f"The model '{model:.60}' does not exist.", "model", "model_not_found", 404)
    return model


def tokens_in(text: str) -> int:
    """About how many tokens `text` has."""
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def _most_tokens(document: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        most = document.get(name)
        if most is not None:
            if not isinstance(most, int) or isinstance(most, bool) or most < 1:
                raise BadRequestError(f"'{name}' has to be a whole number of at least 1.", name)
            return most
    return None


def _message_tokens(message: Mapping[str, Any]) -> int:
    """About 4 for what surrounds a message, and what its texts come to."""
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return 4 + tokens_in(str(content))


class Answer:
    """One answer, which its luck decides to the letter."""

    def __init__(self, asked: Asked, fate: Fate, identity: str, created: int) -> None:
        self._asked = asked
        self._fate = fate
        self.finish = "length" if asked.most_tokens is not None and fate.tokens >= asked.most_tokens else "stop"
        self._head = {"id": f"chatcmpl-{identity}", "created": created, "model": asked.model}
        head = json.dumps({**self._head, "object": "chat.completion.chunk"}, separators=(",", ":"))
        # what surrounds the choice is the same in every piece, and written once
        self._before = f'data: {head[:-1]},"choices":['
        self._after = '],"usage":null}\n\n' if asked.include_usage else "]}\n\n"

    def word(self, k: int) -> str:
        """Token `k` of the answer."""
        word = _WORDS[(self._fate.words + k * (2 * (self._fate.words >> 8) + 1)) % len(_WORDS)]
        return word if k else word.strip().capitalize()

    def whole(self) -> bytes:
        """The answer in one piece."""
        text = "".join(map(self.word, range(self._fate.tokens)))
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        document = {**self._head, "object": "chat.completion", "choices": [choice], "usage": self._usage()}
        return json.dumps(document, separators=(",", ":")).encode()

    def piece(self, first: int, end: int) -> bytes:
        """Tokens `first` to `end` (not itself) as one server-sent event."""
        delta = {"content": "".join(map(self.word, range(first, end)))}
        return self._event({"role": "assistant", **delta} if first == 0 else delta, None)

    def last(self) -> bytes:
        """What ends a stream: the reason, the usage where it is asked for, and the end's own mark."""
        pieces = [self._event({}, self.finish)]
        if self._asked.include_usage:
            usage = {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": self._usage()}
            pieces.append(b"data: " + json.dumps(usage, separators=(",", ":")).encode() + b"\n\n")
        return b"".join([*pieces, b"data: [DONE]\n\n"])

    def _event(self, delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return f"{self._before}{json.dumps(choice, separators=(',', ':'))}{self._after}".encode()

    def _usage(self) -> dict[str, Any]:
        prompt, completion = self._asked.prompt_tokens, self._fate.tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
