"""Embeddings as OpenAI's API has them: unit vectors that the text alone decides, alike in nothing but their length."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import numpy as np

from harness.plan.draws import uniforms
from harness.provider.chat import Asked, BadRequestError, read_model, read_object, tokens_in

_DIMENSIONS = 1536
_MOST_DIMENSIONS = 8192


def read_embeddings(body: bytes, models: tuple[str, ...]) -> Asked:
    """What the body of a request for embeddings asks for; raises `BadRequestError`."""
    document = read_object(body)
    model = read_model(document, models)
    given = document.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise BadRequestError("'input' has to be a text, or a list of at least one.", "input")
    dimensions = document.get("dimensions", _DIMENSIONS)
    if not isinstance(dimensions, int) or isinstance(dimensions, bool) or not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise BadRequestError(f"'dimensions' has to be a whole number from 1 to {_MOST_DIMENSIONS}.", "dimensions")
    form = document.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise BadRequestError("'encoding_format' has to be float or base64.", "encoding_format")
    # lists of tokens are texts of another kind; one flat list of tokens is one text
    texts = [texts] if all(isinstance(one, int) for one in texts) else texts
    tokens = sum(tokens_in(one) if isinstance(one, str) else len(str(one).split(",")) for one in texts)
    return Asked(model, [model, texts, dimensions, form], tokens)


def embeddings(asked: Asked) -> bytes:
    """The answer."""
    model, texts, dimensions, form = asked.content
    data = [
        {"object": "embedding", "index": k, "embedding": _vector(model, text, dimensions, form)}
        for k, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": asked.prompt_tokens, "total_tokens": asked.prompt_tokens}
    return json.dumps({"object": "list", "data": data, "model": model, "usage": usage}).encode()


def _vector(model: str, text: Any, dimensions: int, form: str) -> Any:
    digest = hashlib.blake2b(json.dumps([model, text]).encode(), digest_size=8).digest()
    seed = int.from_bytes(digest, "big") >> 1
    values = uniforms(seed, np.arange(dimensions, dtype=np.uint64), 0) - 0.5
    vector = (values / np.linalg.norm(values)).astype("<f4")
    return base64.b64encode(vector.tobytes()).decode() if form == "base64" else vector.tolist()
