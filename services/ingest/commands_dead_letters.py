"""Commands on dead letters: what an admin says to one becomes the event that proposes it. Pure."""

from typing import Any

from msgspec.structs import asdict

from contracts.dead_letters import PROJECTOR, AboutRecord, Discarded, Letter, RetryRequested


def retry(letter: Letter, actor: str) -> RetryRequested:
    """The projector has kept the original; other consumers keep nothing."""
    original = None if letter.buried.consumer == PROJECTOR else letter.buried
    return RetryRequested(**_about(letter), owner=actor, actor=actor, original=original)


def discard(letter: Letter, actor: str) -> Discarded:
    return Discarded(**_about(letter), owner=actor, actor=actor)


def _about(letter: Letter) -> dict[str, Any]:
    buried = asdict(letter.buried)
    return {"letter": letter.letter, **{name: buried[name] for name in AboutRecord.__struct_fields__}}
