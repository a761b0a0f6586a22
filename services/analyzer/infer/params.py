"""An algorithm's params as a query has them: text, which its schema says how to read."""

from collections.abc import Iterable

import jsonschema_rs
import orjson

from contracts.algorithms import Schema
from contracts.events import Json, Params
from contracts.problems import FieldError, Problem

LONGEST = 300  # characters of what is wrong, which repeats what was sent


def params_of(query: Iterable[tuple[str, str]], schema: Schema) -> Params:
    """Raises the Problem `invalid-params`, which names what does not fit."""
    read: dict[str, Json] = {}
    for name, text in query:
        if name in read:
            raise _invalid(f"/{name}", "It is given twice.")
        read[name] = _value(text, schema.get("properties", {}).get(name, {}))
    try:
        jsonschema_rs.validate(dict(schema), read)
    except jsonschema_rs.ValidationError as error:
        raise _invalid("".join(f"/{step}" for step in error.instance_path), error.message[:LONGEST]) from None
    return read


def _value(text: str, schema: Schema) -> Json:
    """Text where the schema wants text; else what the text is as JSON, if it is."""
    if schema.get("type") == "string":
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _invalid(pointer: str, detail: str) -> Problem:
    where = f"{pointer.removeprefix('/')}: " if pointer else ""
    return Problem("invalid-params", where + detail, errors=(FieldError(pointer=f"/query{pointer}", detail=detail),))
