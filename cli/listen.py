"""`framelog listen`: a receiver of callbacks, for people who build one: it verifies them and prints what they say."""

import asyncio
from contextlib import suppress
from typing import Annotated

import orjson
import typer
from aiohttp import web
from rich.console import Console
from rich.text import Text
from standardwebhooks import Webhook, WebhookVerificationError

from cli.asking import connect
from cli.client import Client
from cli.errors import WRONG_USE, Failed
from cli.options import AsJson, Url
from cli.output import console, json_line, printable
from contracts.events import Json

MOST_BYTES = 16 * 1024 * 1024


def listen(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8099,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    secret: Annotated[
        str | None,
        typer.Option("--secret", help="The secret, whsec_…; your own account's, if not said.", show_default=False),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", help="Answer 401 to whoever does not send this bearer token.")
    ] = None,
    answer: Annotated[
        int, typer.Option("--answer", min=200, max=599, help="Status to answer with; 503 shows what a retry is like.")
    ] = 204,
    count: Annotated[int, typer.Option("--count", min=0, help="End after so many; 0 for Ctrl-C.")] = 0,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="Longest to wait for all of --count.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Receive callbacks, verify their signatures (Standard Webhooks) and print them. Exit 1 if --count did not come.

    The stack has to be told that it may call this machine: FRAMELOG_ALLOW_PRIVATE_URLS=127.0.0.1:8099

    Examples:
      framelog listen
      framelog listen --count 1 --seconds 30 --json
      framelog listen --answer 503
    """
    heard = asyncio.run(_listen(url, Ear(secret, token, answer, as_json), host, port, count, seconds))
    if heard < count:
        raise Failed(f"{heard} of {count} callbacks came; `framelog job show JOB --json` says how the tries went")


class Ear:
    """Hears callbacks. Without a `secret` it asks for the account's own, anew once that is rotated."""

    def __init__(self, secret: str | None, token: str | None, answer: int, as_json: bool) -> None:
        self.given = secret
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self._secret = secret or ""
        self._token = token
        self._answer = answer
        self._json = as_json
        self._seen: set[str] = set()
        self._out: Console = console()

    async def learn(self, client: Client) -> None:
        self._secret = str((await client.get("/v1/me/webhook-secret"))["secret"])

    async def hear(self, request: web.Request, client: Client) -> web.Response:
        body, wrong = await request.read(), self._unwelcome(request)
        said = None if wrong else self._verified(request, body)
        if said is None and not wrong and not self.given:
            await self.learn(client)
            said = self._verified(request, body)
        if said is None:
            self._refuse(wrong or "the signature is not good: another secret, altered, or over 5 minutes old")
            return web.Response(status=401)
        self._say(request.headers["webhook-id"], said)
        return web.Response(status=self._answer)

    def _unwelcome(self, request: web.Request) -> str:
        expected = self._token and f"Bearer {self._token}"
        return "it does not send the token" if expected not in (None, request.headers.get("Authorization")) else ""

    def _verified(self, request: web.Request, body: bytes) -> dict[str, Json] | None:
        try:
            Webhook(self._secret).verify(body, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return None
        said: dict[str, Json] = orjson.loads(body)
        return said

    def _say(self, id_: str, said: dict[str, Json]) -> None:
        again, data = id_ in self._seen, said["data"]
        self._seen.add(id_)
        if self._json:
            json_line({"webhook_id": id_, "verified": True, "again": again, **said})
        else:
            words = f"{said['timestamp']}  {said['type']:14}  {data['id']}  {_about(data)}"
            self._out.print(Text.assemble(("✓ ", "green"), printable(words), (" (again)" if again else "", "yellow")))
        if not again:
            self.heard.put_nowait(id_)

    def _refuse(self, why: str) -> None:
        if self._json:
            json_line({"verified": False, "why": why})
        else:
            self._out.print(Text.assemble(("✗ ", "red"), why))


def _about(data: dict[str, Json]) -> str:
    """What a job or an image comes to, in a few words."""
    if "analysis" in data:
        return f"{data['filename']}: {data['analysis']['status']}"
    return f"{data['algorithm'] or 'image'}: {data['error']['detail'] if data['error'] else data['status']}"


async def _listen(url: str | None, ear: Ear, host: str, port: int, count: int, seconds: float | None) -> int:
    """How many callbacks were heard."""
    async with connect(url) as client:
        if not ear.given:
            await ear.learn(client)
        application = web.Application(client_max_size=MOST_BYTES)
        application.router.add_post("/{path:.*}", lambda request: ear.hear(request, client))
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise Failed(f"{host}:{port}: {error.strerror}; choose another --port", WRONG_USE) from None
        console(stderr=True).print(f"callbacks to http://{host}:{port}/ are printed; Ctrl-C ends")
        try:
            return await _all(ear, count, seconds)
        finally:
            await runner.cleanup()


async def _all(ear: Ear, count: int, seconds: float | None) -> int:
    heard = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not count or heard < count:
                await ear.heard.get()
                heard += 1
    return heard
