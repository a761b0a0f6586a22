"""What a picture shows, in words: asked of a model behind any OpenAI-compatible API."""

import asyncio
from typing import Self

from limits import RateLimitItemPerMinute

from contracts.algorithms import Disabled, Schema
from contracts.events import Params
from services.analyzer.algorithm import NO_PARAMS, Finding, Rendition, Settings, Unable, object_schema
from services.analyzer.budget import Budget
from services.analyzer.chat import Chat

LONGEST = 10_000  # characters
ASKING = 1
"""Rises, up to 99, whenever Framelog asks the same model the same thing in another way."""
TOKENS: Schema = {
    "type": ["integer", "null"],
    "minimum": 0,
    "description": "as the service counts; null if it does not",
}


class Caption:
    """At most so many questions at the same time, and in any minute. Waiting for a turn is not *later*."""

    name = "caption"
    description = (
        "What the picture shows, in words, by a model behind an OpenAI-compatible API; `q=` finds images by them."
    )
    params_schema = NO_PARAMS
    result_schema = object_schema(
        caption={"type": "string", "minLength": 1, "maxLength": LONGEST},
        model={"type": "string", "description": "who answered, by its own account; else who was asked"},
        duration_ms={"type": "integer", "minimum": 0, "description": "milliseconds from question to answer"},
        tokens=object_schema(prompt=TOKENS, completion=TOKENS),
    )

    def __init__(self, settings: Settings) -> None:
        for needed in ("caption_url", "caption_model"):
            if not settings.get(needed):
                raise Disabled(f"FRAMELOG_{needed.upper()} is not set: docs/captions.md says whom one can ask")
        self.made_of = {"model": settings["caption_model"], "prompt": settings["caption_prompt"]}
        self.version = int(settings["caption_version"]) * 100 + ASKING
        self.description = f"What the picture shows, in words, by {settings['caption_model']}."
        timeout = float(settings["caption_seconds"])
        self.seconds = timeout + 60  # the budget may have been used up a moment ago
        key = settings.get("caption_api_key", "")
        self._chat = Chat(settings["caption_url"], settings["caption_model"], key, timeout)
        self._slots = asyncio.Semaphore(int(settings["caption_at_once"]))
        self._budget = Budget(RateLimitItemPerMinute(int(settings["caption_per_minute"])))

    async def __aenter__(self) -> Self:
        await self._chat.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._chat.__aexit__()

    async def analyze(self, small: Rendition, params: Params) -> Finding:
        async with self._slots:
            await self._budget.spend()
            said = await self._chat.ask(self.made_of["prompt"], small)
        if not 1 <= len(said.text) <= LONGEST:
            raise Unable("algorithm-failed", f"{said.model} answered with {len(said.text):,} characters")
        tokens = {"prompt": said.usage.prompt_tokens, "completion": said.usage.completion_tokens}
        return Finding({"caption": said.text, "model": said.model, "duration_ms": said.milliseconds, "tokens": tokens})
