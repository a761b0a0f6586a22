"""A stand-in for a model behind an OpenAI-compatible API: a real server on loopback, which looks at the pictures.

It knows colours. What it is told to do badly, it does to pictures of that colour alone.
"""

import asyncio
import base64
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import web
from PIL import Image

from tests.pictures import encoded

COLOURS = {"red": "#e01010", "green": "#10c030", "blue": "#1020e0"}
MODEL = "stub-vl"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def picture(colour: str, shade: int = 0) -> bytes:
    """A file of its own for each shade."""
    image = Image.new("RGB", (800 + shade, 600), COLOURS[colour])
    return encoded(image, "PNG")


@dataclass(frozen=True)
class Question:
    colour: str
    model: str
    prompt: str
    media_type: str
    size: tuple[int, int]
    authorization: str | None


@dataclass
class Captioner:
    """`url` is the base. `badly[colour]` are its next answers to such a picture, before it does well again."""

    url: str = ""
    asked: list[Question] = field(default_factory=list)
    badly: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    at_once: int = 0
    most_at_once: int = 0

    def settings(self, **more: object) -> dict[str, object]:
        return {"caption_url": self.url, "caption_model": MODEL, **more}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        question = _question(await request.json(), request.headers.get("Authorization"))
        self.asked.append(question)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            if self.badly[question.colour]:
                return await self.badly[question.colour].pop(0)(request)
            return web.json_response(completion(f"A wall, all {question.colour}."))
        finally:
            self.at_once -= 1

    def count(self, colour: str) -> int:
        return sum(one.colour == colour for one in self.asked)


def completion(text: object, **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": f"{MODEL}-2026-02-01",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1042, "completion_tokens": 9, "total_tokens": 1051},
    } | more


def refuses(status: int, message: str = "no", **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": message}}, status=status, headers=named)

    return answer


def says(body: bytes, status: int = 200) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, content_type="application/json")

    return answer


def tells(**completed: Any) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(completion("A wall.") | completed)

    return answer


def sleeps(seconds: float) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.json_response(completion("A wall, after a while."))

    return answer


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """In the middle of the body."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices"')
    assert request.transport
    request.transport.abort()
    return response


async def says_no_http(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")  # type: ignore[attr-defined]
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def captioning() -> AsyncIterator[Captioner]:
    captioner = Captioner()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", captioner.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    captioner.url = f"http://{host}:{port}/v1"
    try:
        yield captioner
    finally:
        await runner.cleanup()


def _question(body: dict[str, Any], authorization: str | None) -> Question:
    (message,) = body["messages"]
    text, image = message["content"]
    assert (message["role"], text["type"], image["type"]) == ("user", "text", "image_url")
    scheme, _, data = image["image_url"]["url"].partition(";base64,")
    shown = Image.open(BytesIO(base64.b64decode(data, validate=True))).convert("RGB")
    middle: Any = shown.getpixel((shown.width // 2, shown.height // 2))
    colour = list(COLOURS)[max(range(3), key=lambda channel: middle[channel])]
    media_type = scheme.removeprefix("data:")
    return Question(colour, body["model"], text["text"], media_type, shown.size, authorization)
