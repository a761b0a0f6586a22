"""What a client may say of an image beside its bytes, as the edge validates it."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, Self, cast
from unicodedata import category

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from adapters.problem_json import field_error
from contracts.images import Changes, Wanted
from contracts.problems import FieldError, invalid
from services.ingest.commands_images import AskedBack, Upload
from services.ingest.filenames import cleaned
from services.ingest.multipart import Fields

REPEATABLE = frozenset({"tags", "algorithms"})


def _printable(text: str) -> str:
    """Lines and tabs are text; other control characters are not, and Postgres takes no NUL."""
    if any(category(character) == "Cc" and character not in "\t\n\r" for character in text):
        raise ValueError("holds a control character")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


def _distinct(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


def _named(name: str) -> str:
    if not (found := cleaned(name)):
        raise ValueError("is no file name")
    return found


def _blank_is_null(value: Any) -> Any:
    """A form sends its empty inputs too."""
    return None if value == "" else value


Title = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
Description = Annotated[str, Field(max_length=20_000), AfterValidator(_printable)]
Tag = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable), AfterValidator(_not_blank)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=100), AfterValidator(_distinct)]
Filename = Annotated[str, Field(max_length=4096), AfterValidator(_named)]
Shown = Literal["private", "public"]
Address = Annotated[str, Field(min_length=1, max_length=2_000)]
BearerToken = Annotated[str, Field(min_length=1, max_length=4_000, pattern="^[!-~]+$")]


class CalledBack(BaseModel):
    """Where a client wants to hear of the outcome."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback_url: Annotated[Address | None, BeforeValidator(_blank_is_null)] = None
    callback_token: Annotated[BearerToken | None, BeforeValidator(_blank_is_null)] = None

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.callback_token and not self.callback_url:
            raise ValueError("callback_token comes with a callback_url")
        return self

    @property
    def callback(self) -> AskedBack | None:
        return AskedBack(self.callback_url, self.callback_token) if self.callback_url else None


class Said(CalledBack):
    """The text fields of an upload."""

    title: Annotated[Title | None, BeforeValidator(_blank_is_null)] = None
    description: Annotated[Description | None, BeforeValidator(_blank_is_null)] = None
    tags: Tags = ()
    visibility: Shown = "private"
    algorithms: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=100)] = ()
    on_duplicate: Literal["reuse", "create"] = "reuse"

    def upload(self, filename: str, wanted: tuple[Wanted, ...]) -> Upload:
        return Upload(
            filename=filename,
            title=self.title,
            description=self.description,
            tags=self.tags,
            visibility=self.visibility,
            wanted=wanted,
            callback=self.callback,
        )


class Patch(BaseModel):
    """A merge patch (RFC 7396): what is absent stays, null takes away."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Title | None = None
    description: Description | None = None
    tags: Tags | None = None
    visibility: Shown | None = None
    filename: Filename = ""

    def changes(self) -> Changes:
        given: dict[str, Any] = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        if "tags" in given:
            given["tags"] = self.tags or ()
        if "visibility" in given:
            given["visibility"] = self.visibility or "private"
        return cast(Changes, given)


class Earlier(BaseModel):
    """One of the versions that an image has had."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


KNOWN = frozenset(Said.model_fields)


def said(fields: Fields) -> Said:
    """The text fields of a form. Raises the Problem `invalid-request`, with a pointer to each field at fault."""
    twice = [name for name, values in fields.items() if len(values) > 1 and name not in REPEATABLE]
    if twice:
        raise invalid(*(FieldError(pointer=f"/{name}", detail="Send this once.") for name in twice))
    values = {name: [one for one in given if one] if name in REPEATABLE else given[0] for name, given in fields.items()}
    try:
        return Said.model_validate(values)
    except ValidationError as error:
        raise invalid(*map(field_error, error.errors())) from None


def wanted(asked: Sequence[str], house: Sequence[str], known: Collection[str]) -> tuple[Wanted, ...]:
    """The house's algorithms and whatever else an upload asks for. Raises `invalid-request` for what is not known."""
    unknown = [name[:100] for name in asked if name not in known]
    if unknown:
        detail = f"There is no {', '.join(unknown)}; known are {', '.join(sorted(known))}."
        raise invalid(FieldError(pointer="/algorithms", detail=detail))
    return tuple(Wanted(algorithm=name) for name in dict.fromkeys((*house, *asked)))
