"""The SQL of a search: fixed fragments, joined by AND. Values are bound, never written into them.

Measured in docs/search.md. Postgres knows how many rows fit each fragment, and goes through the owner's images in order
where many do, through the fragment's own index where few do. Two things keep its guess true:

- A fragment that asks a fact is a join, not EXISTS: an image has one such fact (`current_facts`), and a join can begin
  at either side.
- `CASE` hides that a fact must be of the image's present bytes: Postgres would multiply that chance with the chance
  that the fact is of the image at all, and expect nearly nothing.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fragment:
    """A condition on `image`. `fact` names the current fact it asks, `lateral` whatever else must stand in FROM."""

    where: str
    fact: str | None = None
    lateral: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Rows by `key`, of the Postgres type `type`, then by the image's id; only those that fit `fragment`."""

    key: str
    type: str
    descending: bool
    fragment: Fragment = field(default=Fragment("true"))

    def after(self) -> Fragment:
        return Fragment(f"({self.key}, image.image_id) {self._beyond} (%(after_key)s::{self.type}, %(after_id)s)")

    def clause(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return f"{self.key} {direction}, image.image_id {direction}"

    @property
    def _beyond(self) -> str:
        return "<" if self.descending else ">"


def statement(order: Order, fragments: list[Fragment]) -> str:
    """The ids of a page and the keys they are ordered by."""
    every = [*fragments, order.fragment]
    facts = sorted({one.fact for one in every if one.fact})
    laterals = sorted({one.lateral for one in every if one.lateral})
    sources = ["images AS image", *(f"current_facts AS {fact}" for fact in facts), *laterals]
    conditions = [*map(_joined, facts), *(one.where for one in every)]
    return (
        f"SELECT image.image_id, {order.key} AS key\nFROM {', '.join(sources)}\nWHERE "
        + "\n  AND ".join(conditions)
        + f"\nORDER BY {order.clause()} LIMIT %(limit)s"
    )


def _joined(fact: str) -> str:
    return (
        f"{fact}.image_id = image.image_id AND CASE WHEN {fact}.sha256 = image.sha256 THEN true END"
        f" AND {fact}.owner = %(owner)s AND {fact}.params_key = ''"
    )


OF = {
    "own": Fragment("image.owner = %(owner)s AND image.deleted_at IS NULL"),
    "deleted": Fragment("image.owner = %(owner)s AND image.deleted_at IS NOT NULL"),
    "public": Fragment("image.owner = %(owner)s AND image.deleted_at IS NULL AND image.visibility = 'public'"),
    "every": Fragment("image.deleted_at IS NULL"),
}
NOT_FOR_JOBS = Fragment("image.origin <> 'job'")

# OFFSET 0 keeps the work of this view for the images that every other fragment has left.
_DESCRIBED = """LATERAL (
    SELECT one.status FROM described_images AS one WHERE one.image_id = image.image_id OFFSET 0
) AS described"""
# One group found all that is wanted, and without a failure: neither queued nor running. This leaves few images.
_UNSETTLED = """NOT EXISTS (
    SELECT FROM attempts AS attempt
    WHERE attempt.image_id = image.image_id AND attempt.sha256 = image.sha256
      AND attempt.finished_at IS NOT NULL AND attempt.failures = '[]'
      AND to_jsonb(attempt.algorithms) @> jsonb_path_query_array(image.wanted, '$[*].algorithm')
)"""
# What no group runs fails unattempted. An account's images want few lists of algorithms between them: a walk from each
# to the next through the index images_wanted finds those that hold such a one, mostly none, before any image is read.
_UNRUN = """
    WITH RECURSIVE lists AS (
        SELECT '[]'::jsonb AS list
        UNION ALL
        SELECT (SELECT jsonb_path_query_array(one.wanted, '$[*].algorithm') FROM images AS one
                WHERE one.owner = %(owner)s AND jsonb_path_query_array(one.wanted, '$[*].algorithm') > lists.list
                ORDER BY jsonb_path_query_array(one.wanted, '$[*].algorithm') LIMIT 1)
        FROM lists WHERE lists.list IS NOT NULL
    ), unrun AS MATERIALIZED (
        SELECT list, name FROM lists, jsonb_array_elements_text(list) AS name
        WHERE name <> ALL (string_to_array(current_setting('framelog.grouped', true), ','))
    )
    SELECT wanting.image_id
    FROM unrun, LATERAL (
        SELECT one.image_id, one.sha256, one.wanted FROM images AS one
        WHERE one.owner = %(owner)s AND jsonb_path_query_array(one.wanted, '$[*].algorithm') = unrun.list OFFSET 0
    ) AS wanting
    WHERE NOT EXISTS (
        SELECT FROM facts AS fact, jsonb_array_elements(wanting.wanted) AS asked
        WHERE fact.image_id = wanting.image_id AND fact.sha256 = wanting.sha256 AND fact.algorithm = unrun.name
          AND asked ->> 'algorithm' = fact.algorithm AND asked -> 'params' = fact.params
    )"""
_FAILED = f"""image.image_id = ANY (ARRAY(
    SELECT attempt.image_id FROM attempts AS attempt WHERE attempt.owner = %(owner)s AND attempt.failures <> '[]'
    UNION ALL ({_UNRUN})
))"""
_STATUS = "described.status = %(status)s"

STATUS = {
    "queued": Fragment(f"{_UNSETTLED} AND {_STATUS}", lateral=_DESCRIBED),
    "running": Fragment(f"{_UNSETTLED} AND {_STATUS}", lateral=_DESCRIBED),
    "completed": Fragment(_STATUS, lateral=_DESCRIBED),
    "partial": Fragment(f"{_FAILED} AND {_STATUS}", lateral=_DESCRIBED),
    "failed": Fragment(f"{_FAILED} AND {_STATUS}", lateral=_DESCRIBED),
}

# The covering index facts_phash is read from end to end first; what it finds is asked again as a current fact.
_NEAR = """bit_count((hashed.phash # %(near)s)::bit(64)) <= %(distance)s
  AND image.image_id = ANY (ARRAY(
    SELECT fact.image_id FROM facts AS fact
    WHERE fact.owner = %(owner)s AND fact.phash IS NOT NULL
      AND bit_count((fact.phash # %(near)s)::bit(64)) <= %(distance)s
  ))"""

BY_FILTER = {
    "tag": Fragment("image.tags @> %(tag)s"),
    "media_type": Fragment("image.media_type = %(media_type)s"),
    "min_width": Fragment("image.width >= %(min_width)s"),
    "min_height": Fragment("image.height >= %(min_height)s"),
    "sha256": Fragment("image.sha256 = %(sha256)s"),
    "origin": Fragment("image.origin = %(origin)s"),
    "taken_after": Fragment("taken.taken_at >= %(taken_after)s", "taken"),
    "taken_before": Fragment("taken.taken_at < %(taken_before)s", "taken"),
    "camera": Fragment("shot.camera = ANY (%(camera)s)", "shot"),
    "color": Fragment("colored.terms && %(color)s", "colored"),
    "label": Fragment("labelled.terms @> %(label)s", "labelled"),
    "near": Fragment(_NEAR, "hashed"),
}

_UNDATED = """NOT EXISTS (
    SELECT FROM current_facts AS fact
    WHERE fact.image_id = image.image_id AND fact.sha256 = image.sha256 AND fact.params_key = ''
      AND fact.taken_at IS NOT NULL
)"""
_DATED = Fragment("taken.taken_at IS NOT NULL", "taken")
_LAST = Order("image.created_at", "timestamptz", True, Fragment(_UNDATED))

# Read one after the other: an image without a date comes after all that have one, in either direction.
ORDERS = {
    "created_at": (Order("image.created_at", "timestamptz", False),),
    "-created_at": (Order("image.created_at", "timestamptz", True),),
    "size": (Order("image.size", "int8", False),),
    "-size": (Order("image.size", "int8", True),),
    "taken_at": (Order("taken.taken_at", "timestamptz", False, _DATED), _LAST),
    "-taken_at": (Order("taken.taken_at", "timestamptz", True, _DATED), _LAST),
}


def word(number: int, captioned: bool) -> Fragment:
    """The beginning of a word of the image or of its caption. `captioned`: the images with such a caption are bound."""
    caption = "image.image_id = ANY (%(captioned{0})s)" if captioned else _CAPTION
    return Fragment(f"(array_to_tsvector(image.words) @@ %(word{{0}})s::tsquery OR {caption})".format(number))


# OFFSET 0: asked of one image at a time, not first of all.
_CAPTION = """EXISTS (
    SELECT FROM current_facts AS fact
    WHERE fact.image_id = image.image_id AND fact.sha256 = image.sha256 AND fact.params_key = ''
      AND array_to_tsvector(fact.words) @@ %(word{0})s::tsquery OFFSET 0
  )"""

CAPTIONED = """
SELECT asked.word, ARRAY(
    SELECT fact.image_id FROM current_facts AS fact JOIN images AS image USING (image_id)
    WHERE fact.owner = %(owner)s AND fact.params_key = '' AND CASE WHEN fact.sha256 = image.sha256 THEN true END
      AND array_to_tsvector(fact.words) @@ asked.word::tsquery
    LIMIT %(most)s
) AS images
FROM unnest(%(words)s::text[]) AS asked (word)
"""

# A walk from each camera to the next through the index facts_camera: as many steps as cameras, not as images.
CAMERAS = """
WITH RECURSIVE cameras AS (
    (SELECT camera FROM facts WHERE owner = %(owner)s AND camera IS NOT NULL ORDER BY camera LIMIT 1)
    UNION ALL
    SELECT (SELECT facts.camera FROM facts
            WHERE facts.owner = %(owner)s AND facts.camera > cameras.camera ORDER BY facts.camera LIMIT 1)
    FROM cameras WHERE cameras.camera IS NOT NULL
)
SELECT camera FROM cameras WHERE camera LIKE %(pattern)s
"""

HASH = """
SELECT fact.phash FROM current_facts AS fact JOIN images AS image USING (image_id, sha256)
WHERE fact.image_id = %s AND fact.params_key = '' AND fact.phash IS NOT NULL
"""
