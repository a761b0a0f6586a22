"""What one may ask of a list of images, as the edge validates it."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from contracts.read_model.words import words

MOST_WORDS = 8
DISTANCE = 8
WORKING = 2**31 - 1

Sort = Literal["created_at", "-created_at", "taken_at", "-taken_at", "size", "-size"]
Status = Literal["queued", "running", "completed", "partial", "failed"]


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds the character U+0000")
    return text


def _time(text: object) -> object:
    """RFC 3339, or a day; what names no offset is UTC."""
    if not isinstance(text, str):
        return text
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _not_too_many(text: str) -> str:
    if len(words(text)) > MOST_WORDS:
        raise ValueError(f"has more than {MOST_WORDS} words")
    return text


Text = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable)]
Words = Annotated[str, Field(max_length=500), AfterValidator(_not_too_many)]
Pixels = Annotated[int, Field(ge=0, le=WORKING)]
Time = Annotated[datetime, BeforeValidator(_time, json_schema_input_type=str)]


class Filters(BaseModel):
    """Every filter given must hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Words = Field("", description="words, or their beginnings, of title, description, file name, tags or caption")
    tag: tuple[Text, ...] = Field((), max_length=20, description="has this tag; repeated, has each of them")
    media_type: Text | None = None
    min_width: Pixels | None = None
    min_height: Pixels | None = None
    taken_after: Time | None = Field(None, description="taken at this time or later: a day, or RFC 3339")
    taken_before: Time | None = Field(None, description="taken before this time")
    camera: Text | None = Field(None, description="part of make and model, in any case")
    color: str | None = Field(None, pattern="^#?[0-9a-fA-F]{6}$", description="shows a colour like #rrggbb")
    label: Text | None = None
    status: Status | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-fA-F]{64}$")
    near: str | None = Field(None, max_length=100, description="id of an image that it looks like")
    distance: int | None = Field(None, ge=0, le=16, description=f"bits that may differ; {DISTANCE} unless told")
    deleted: bool = Field(False, description="deleted images instead of those that are there")
    owner: Text | None = Field(
        None, description="another account, for its public images; or *, for admins, for all images"
    )
    origin: Literal["upload", "url", "job"] | None = Field(None, description="without it, all but those made for jobs")
    sort: Sort = Field("-created_at", description="what has no taken_at comes last")

    def asked(self) -> frozenset[str]:
        """The names of the filters in use."""
        given = {name: getattr(self, name) for name in Filters.model_fields if name != "sort"}
        return frozenset(name for name, value in given.items() if value not in (None, "", ()) and value is not False)


class Page(Filters):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=1000, description="`next` of the page before")
