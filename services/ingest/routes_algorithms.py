"""What admins do to algorithms: say which version of one speaks."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from adapters.algorithms import Algorithms
from adapters.http import JSON_BYTES, Json
from adapters.principal import may
from adapters.promotions import Promotions, known
from adapters.read_model import Verdict
from contracts.algorithms import VersionPromoted
from contracts.permissions import Principal
from contracts.problems import FieldError, Problem, invalid
from contracts.resources.algorithms import promoted_json
from services.ingest.answers import IdempotencyKey, answer, asked, change
from services.ingest.proposals import Proposals

ROUTES = APIRouter(tags=["algorithms"])
REJECTED = {"version-mismatch": ("version-promoted", "another version is current than the one you expected")}

Admin = Annotated[Principal, may("administer")]


def _number(given: object) -> object:
    """The API shows versions as text."""
    return int(given) if isinstance(given, str) and given.isascii() and given.isdecimal() else given


Number = Annotated[StrictInt, BeforeValidator(_number), Field(ge=0, le=2**31 - 1)]


class Promote(BaseModel):
    """`expected` is the version that speaks so far; without it, it may be any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Number
    expected: Number | None = None


@dataclass(frozen=True, slots=True)
class Promoting:
    """What these routes are made of."""

    proposals: Proposals
    algorithms: Algorithms
    promotions: Promotions

    async def versions(self, name: str) -> list[int]:
        """Those known of an algorithm, the lowest first."""
        described = {one.name: one.version for one in await self.algorithms.descriptors()}
        promoted = (await self.promotions.newest()).get(name)
        return known(described.get(name), promoted, (await self.promotions.found()).get(name, []))


@ROUTES.post("/v1/algorithms/{name}/promote", responses=change("version-promoted"), max_body_size=JSON_BYTES)
async def promote(
    request: HttpRequest, who: Admin, name: str, body: Promote, idempotency_key: IdempotencyKey = None
) -> Response:
    """Let a version speak for its algorithm: at once and everywhere. Promoting the older one undoes it."""
    house: Promoting = request.app.state.promoting
    versions = await house.versions(name)
    if not versions:
        raise Problem("not-found", f"there is no algorithm {name[:100]}")
    if body.version not in versions:
        detail = f"{name} has no version {body.version}; known are {', '.join(map(str, versions))}"
        raise invalid(FieldError(pointer="/version", detail=detail))
    event = VersionPromoted(algorithm=name, version=body.version, actor=who.account, expected=body.expected)
    about = ["promote", name, body.version, body.expected]
    made = await house.proposals.judged(event, about, asked(request, who, idempotency_key), REJECTED)
    return await answer(made, partial(_shown, house, name, versions))


async def _shown(house: Promoting, name: str, versions: list[int], made: Verdict) -> Response:
    promoted = (await house.promotions.current())[name]
    position = str(made.position)
    return Json({**promoted_json(promoted, versions), "position": position}, headers={"Framelog-Position": position})
