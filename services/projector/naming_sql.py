"""The questions of `naming`: where in the read model it stands which objects the log names."""

from psycopg.sql import SQL, Composed, Identifier

# Where events name pictures: those to be stored or analysed, and those that were. By its key too, should it differ.
NAMED = SQL("""
(VALUES (data #>> '{{content,sha256}}'), (right(data #>> '{{content,storage_key}}', 64)), (data ->> 'sha256'))
AS named (picture)
""")
# What nobody could read may name them anywhere. That takes twenty times as long, of few records.
HASHES = SQL("regexp_matches({}, '[0-9a-f]{{64}}', 'g') AS found")
# What waits behind a dead letter, and what dead letters hold, is in the log too. No escape sequence looks like a hash.
UNREAD = SQL("""
SELECT found[1] COLLATE "C" AS picture FROM {schema}.parked, {in_parked}
UNION SELECT found[1] FROM {schema}.letters, {in_letters}
""")
PICTURES = SQL("""
SELECT picture COLLATE "C" AS picture FROM {schema}.events, LATERAL {in_events} WHERE picture IS NOT NULL
UNION {unread}
ORDER BY picture
""")
SINCE = SQL("""
SELECT picture FROM (
    SELECT picture
    FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS stood (topic, partition, next_offset)
    JOIN {schema}.events AS event
        ON (event.topic, event.partition) = (stood.topic, stood.partition) AND event."offset" >= stood.next_offset,
    LATERAL {in_events}
    UNION {unread}
) AS since
WHERE picture = ANY (%s)
""")
EXPECTED = SQL("""
SELECT key COLLATE "C" AS key, size, sha256, min(image_id::text) FROM (
    SELECT
        data #>> '{{content,storage_key}}' AS key, (data #> '{{content,size}}')::bigint AS size,
        data #>> '{{content,sha256}}' AS sha256, image_id
    FROM {schema}.events WHERE data ? 'content'
    UNION ALL
    SELECT made ->> 'key', (made -> 'size')::bigint, made ->> 'sha256', image_id
    FROM {schema}.facts, jsonb_path_query(result, '$.renditions[*] ? (@.size.type() == "number")') AS made
    WHERE made ?& ARRAY['key', 'sha256']
) AS expected
GROUP BY 1, 2, 3 ORDER BY 1
""")


def in_schema(query: SQL, name: str) -> Composed:
    served = Identifier(name)
    unread = UNREAD.format(
        schema=served,
        in_parked=HASHES.format(SQL("encode(record, 'escape')")),
        in_letters=HASHES.format(SQL("encode(decode(value, 'base64'), 'escape')")),
    )
    return query.format(schema=served, in_events=NAMED.format(), unread=unread)
