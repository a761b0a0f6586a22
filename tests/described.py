"""The API as its own OpenAPI document tells it, for tests that go through every route there is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adapters.keys import Key, Keys, Ring
from services.api import app
from services.settings import Api

GHOST = "5f0c2a54-4c0e-5f61-9d53-0d2f5a7b6c11"
"""An id that nothing has."""
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """`params` are by place (path, query, header) and name, `fields` those of a JSON body; both with their schemas."""

    method: str
    path: str
    params: Mapping[str, Mapping[str, Any]]
    fields: Mapping[str, Any]
    bodiless: bool
    """Its body may be left out."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, known: Mapping[str, str]) -> str:
        """Its path about what is known by the names of the path's params; about nothing where one is not."""
        return re.sub(r"{(\w+)}", lambda found: quote(known.get(found[1], GHOST), safe=""), self.path)


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if told := item.get(method):
                yield Operation(method.upper(), path, _params(document, told), _fields(document, told), _bodiless(told))


def _params(document: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for one in told.get("parameters", ()):
        places[one["in"]][one["name"].lower()] = resolved(document, one["schema"])
    return places


def _fields(document: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    contents = told.get("requestBody", {}).get("content", {})
    schema = next((one["schema"] for kind, one in contents.items() if kind.endswith("json")), {})
    whole = next((one for one in schema.get("anyOf", ()) if "$ref" in one), schema)  # a body that may be left out
    found = resolved(document, whole).get("properties", {})
    return {name: resolved(document, one) for name, one in found.items()}


def _bodiless(told: Mapping[str, Any]) -> bool:
    return not told.get("requestBody", {}).get("required", False)


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema, looked up where it only refers to another."""
    if "$ref" not in schema:
        return schema
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolved(document, found)


def kinds(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema takes; none where it takes any."""
    found = {schema["type"]} if isinstance(schema.get("type"), str) else set(schema.get("type", ()))
    if "const" in schema or "enum" in schema:
        found |= {"string"}
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= kinds(one)
    return found


def document() -> dict[str, Any]:
    """The document without a process that answers it."""
    keys = Keys(Ring(signing=(Key.new(),), sealing=(Key.new(),), derivation=Key.new()))
    found: dict[str, Any] = app(Api(), keys).openapi()
    return found
