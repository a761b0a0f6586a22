"""One question about one picture to a service that speaks OpenAI's `/chat/completions`, and what its answer means.

Who sets the service up names its address, not a user: it may well be on loopback, and `adapters.outbound` is not asked.
"""

import time
from base64 import b64encode
from email.utils import parsedate_to_datetime
from typing import Annotated, NamedTuple, Self

import aiohttp
import msgspec
import orjson
from msgspec import Meta, Struct

from contracts.events import TryLater
from services.analyzer.algorithm import Rendition, Unable

LONGEST_ANSWER = 1024 * 1024  # bytes
LONGEST_REASON = 300
LATER = frozenset({408, 429})


class Message(Struct):
    content: str


class Choice(Struct):
    message: Message


class Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(Struct):
    """The part of an answer that is read; `model` is who answered, which may be more exact than who was asked."""

    choices: Annotated[list[Choice], Meta(min_length=1)]
    model: str | None = None
    usage: Usage | None = None


class Said(NamedTuple):
    text: str
    model: str
    milliseconds: int
    usage: Usage


class Chat:
    """`url` is the API's base, such as `http://127.0.0.1:8080/v1`. An answer may take `seconds`."""

    def __init__(self, url: str, model: str, key: str, seconds: float) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=seconds)

    async def __aenter__(self) -> Self:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        connector = aiohttp.TCPConnector(limit=0)  # who asks decides how many at once
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, headers=headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, prompt: str, picture: Rendition) -> Said:
        """Raises TryLater where the service may answer later, Unable `algorithm-failed` where it never will."""
        began = time.perf_counter()
        completion = self._understood(*await self._answer(_question(self._model, prompt, picture)))
        return Said(
            text=completion.choices[0].message.content.strip(),
            model=completion.model or self._model,
            milliseconds=round((time.perf_counter() - began) * 1000),
            usage=completion.usage or Usage(),
        )

    async def _answer(self, question: bytes) -> tuple[aiohttp.ClientResponse, bytes]:
        try:
            async with self._session.post(self._url, data=question, allow_redirects=False) as answer:
                return answer, await _read(answer)
        except TimeoutError:
            raise TryLater(f"{self._url} took longer than {self._timeout.total:g} s") from None
        except aiohttp.ClientResponseError as error:  # what came was no HTTP
            raise Unable("algorithm-failed", f"{self._url}: {error.message}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryLater(f"{self._url}: {error or type(error).__name__}") from None

    def _understood(self, answer: aiohttp.ClientResponse, body: bytes) -> Completion:
        if answer.status in LATER or answer.status >= 500:
            raise TryLater(self._refusal(answer, body), _retry_after(answer))
        if answer.status != 200:
            raise Unable("algorithm-failed", self._refusal(answer, body))
        try:
            return msgspec.json.decode(body, type=Completion)
        except msgspec.DecodeError as error:
            raise Unable("algorithm-failed", f"{self._url} answered what cannot be read: {error}") from None

    def _refusal(self, answer: aiohttp.ClientResponse, body: bytes) -> str:
        """With the service's own words, but for the key, which some repeat."""
        said = _reason(body)
        return f"{self._url} answered {answer.status}: {said.replace(self._key, '***') if self._key else said}"


def _question(model: str, prompt: str, picture: Rendition) -> bytes:
    url = f"data:{picture.media_type};base64,{b64encode(picture.data).decode()}"
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": content}]})


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise Unable("algorithm-failed", f"{answer.url} answered with more than {LONGEST_ANSWER:,} bytes")
    return bytes(body)


def _reason(body: bytes) -> str:
    """`error.message`, where there is one; else the beginning of the body."""
    try:
        said = str(orjson.loads(body)["error"]["message"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        said = body.decode(errors="replace")
    return " ".join(said.split())[:LONGEST_REASON] or "nothing else"


def _retry_after(answer: aiohttp.ClientResponse) -> float | None:
    """Seconds from now; a date is compared with the service's own clock. None where there is nothing to wait for."""
    text = answer.headers.get("Retry-After", "")
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else _until(text, answer.headers.get("Date", ""))
    except ValueError:
        return None
    return seconds if seconds > 0 else None


def _until(date: str, now: str) -> float:
    return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
