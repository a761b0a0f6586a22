"""Old and new results of an image side by side."""

import msgspec

from adapters.read_model import ReadModel
from contracts.events import Json
from contracts.images import Image
from contracts.problems import FieldError, invalid
from contracts.resources.algorithms import Version, versions_json

ALL = "all"
VERSIONS = """
SELECT fact.algorithm, fact.version, fact.params, fact.completed_at, fact.result,
    EXISTS (
        SELECT FROM current_facts AS current
        WHERE (current.image_id, current.sha256, current.algorithm, current.params_key, current.version)
            = (fact.image_id, fact.sha256, fact.algorithm, fact.params_key, fact.version)
    ) AS current
FROM facts AS fact
WHERE fact.image_id = %s AND fact.sha256 = %s
ORDER BY fact.algorithm, fact.params_key, fact.version
"""
_OBJECT = msgspec.json.Decoder(dict[str, Json])


async def every_version(read_model: ReadModel, image: Image, asked: str) -> dict[str, Json]:
    """By algorithm, wanted by the image or not, what each version found in the bytes it has now.

    Raises the Problem `invalid-request` where something else than ALL is asked for.
    """
    if asked != ALL:
        raise invalid(FieldError(pointer="/query/versions", detail=f"can be {ALL}, or left out"))
    rows = await read_model.rows(VERSIONS, (image.image_id, image.content.sha256))
    return versions_json(
        Version(
            algorithm=row["algorithm"],
            version=row["version"],
            params=_OBJECT.decode(row["params"]),
            completed_at=row["completed_at"],
            result=_OBJECT.decode(row["result"]),
            current=row["current"],
        )
        for row in rows
    )
