"""What clients asked and were told: every call is ok, failed or unknown, and is remembered with its key."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import httpx

from contracts import ids

Outcome = Literal["ok", "failed", "unknown"]
ACCOUNT = "admin"
UNKNOWN = "/problems/outcome-unknown"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A call as it can be made again: the same key, the same request. `picture` are an upload's bytes."""

    kind: str
    method: str
    path: str
    key: str
    picture: bytes | None = None
    json: Mapping[str, Any] | None = None
    if_match: str | None = None

    @property
    def request_id(self) -> UUID:
        """The id under which its event stands in the log."""
        return ids.request_id(ACCOUNT, self.method, self.path, self.key)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.picture or b"").hexdigest()

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        headers = {"Idempotency-Key": self.key} | ({"If-Match": self.if_match} if self.if_match else {})
        files = {"file": (f"{self.key}.jpg", self.picture)} if self.picture else None
        return await client.request(self.method, self.path, headers=headers, files=files, json=self.json)


@dataclass
class Call:
    """`said` is the last answer, None where there was none."""

    ask: Ask
    outcome: Outcome = "unknown"
    status: int | None = None
    said: Any = None
    retry_after: str | None = None
    tries: int = 0
    mistakes: int = 0
    """How often the answer was 500: that Framelog itself does not know what happened."""

    @property
    def image_id(self) -> UUID | None:
        """Of an acknowledged upload."""
        return UUID(self.said["id"]) if self.ask.kind == "upload" and self.outcome == "ok" else None

    def __str__(self) -> str:
        told = f"{self.status} {self.said.get('type', '') if isinstance(self.said, dict) else ''}".strip()
        return f"{self.ask.kind} {self.ask.method} {self.ask.path} {self.ask.key} ({told})"

    def take(self, answer: httpx.Response) -> None:
        """What was unknown stays so until it is granted, or refused for good: a 503 is about this try alone."""
        self.status, self.retry_after = answer.status_code, answer.headers.get("retry-after")
        self.mistakes += self.status == 500
        self.said = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None
        if self.tries == 1 or self.status != 503:
            self.outcome = judged(self.status, self.said)


def judged(status: int, said: Any) -> Outcome:
    """A client knows that nothing happened after a 4xx, and after a 503 that does not say the outcome is unknown."""
    if status < 400:
        return "ok"
    if status >= 500 and (status != 503 or (isinstance(said, dict) and said.get("type") == UNKNOWN)):
        return "unknown"
    return "failed"


@dataclass
class Ledger:
    """All calls of a drill."""

    calls: list[Call] = field(default_factory=list)

    async def make(self, client: httpx.AsyncClient, ask: Ask) -> Call:
        call = Call(ask)
        self.calls.append(call)
        await self.again(client, call)
        return call

    async def again(self, client: httpx.AsyncClient, call: Call) -> None:
        """The same request once more, with the same key."""
        call.tries += 1
        try:
            call.take(await call.ask.send(client))
        except httpx.ConnectError:  # nothing was sent
            call.outcome, call.status, call.said = "unknown" if call.tries > 1 else "failed", None, None
        except httpx.TransportError:
            call.outcome, call.status, call.said = "unknown", None, None

    @property
    def unknown(self) -> list[Call]:
        return [call for call in self.calls if call.outcome == "unknown"]

    def count(self, outcome: Outcome) -> int:
        return sum(call.outcome == outcome for call in self.calls)

    async def settle(self, client: httpx.AsyncClient, within: float) -> None:
        """What is unknown is asked again until it is known; what is not in time stays unknown."""
        end = asyncio.get_running_loop().time() + within
        while (unknown := self.unknown) and asyncio.get_running_loop().time() < end:
            for call in unknown:
                await self.again(client, call)
            await asyncio.sleep(0.3 if self.unknown else 0)
