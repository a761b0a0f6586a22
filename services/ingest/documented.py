"""Request bodies that OpenAPI cannot learn from a signature, because they are read as a stream."""

from typing import Any

from services.ingest.fields import Said

_FILE = {"type": "string", "format": "binary", "description": "JPEG, PNG, GIF, WebP, AVIF, TIFF, BMP or HEIC"}
_FORM = {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}}}}


def _with_text() -> dict[str, Any]:
    said = Said.model_json_schema()
    properties = {"file": _FILE, **said["properties"]}
    schema = {"type": "object", "required": ["file"], "properties": properties, "additionalProperties": False}
    return {"multipart/form-data": {"schema": schema}}


FORM_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _with_text()}}
IMAGE_OR_FORM_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": _FILE}, **_FORM}}
}
