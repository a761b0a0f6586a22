"""Twenty thousand people with posts, likes and follows, made up and laid straight into a read model: for asking, not
for folding. A post for every image of a library; the first people and posts are far better liked than the last.
"""

from psycopg import AsyncConnection

from benchmarks import library
from services.projector import schema

PEOPLE, LIKES, FOLLOWS = 20_000, 2_100_000, 600_000  # a few likes and follows fall on the same pair
READER, BUSY_READER = "person7", "person8"
FOLLOWED, FOLLOWED_BY_BUSY = 50, 1_000
STATEMENTS = (
    "SELECT setseed(0.5)",
    f"""
    INSERT INTO accounts
    SELECT 'person' || n, gen_random_uuid(), 'user', 1, 1, '', '', timestamptz '2024-01-01' + n * interval '1 minute',
        n % 100 = 99, '[]', 0, NULL, 0, n, '{{}}'
    FROM generate_series(0, {PEOPLE - 1}) AS n
    """,
    "CREATE TEMP TABLE numbered AS SELECT row_number() OVER (ORDER BY image_id) - 1 AS n, * FROM images",
    "CREATE UNIQUE INDEX ON numbered (n)",
    f"""
    CREATE TEMP TABLE liked AS
    SELECT DISTINCT floor((SELECT count(*) FROM numbered) * random() ^ 2)::bigint AS n,
        'person' || floor({PEOPLE} * random())::int AS account
    FROM generate_series(1, {LIKES})
    """,
    """
    INSERT INTO likes
    SELECT numbered.image_id, account, random() < 0.97, numbered.created_at + random() * interval '90 days'
    FROM liked JOIN numbered USING (n)
    """,
    f"""
    INSERT INTO posts
    SELECT image_id, 'person' || floor({PEOPLE} * random() ^ 2)::int, image_id, 'Seen at the sea', 1,
        (SELECT count(*) FROM likes WHERE likes.post_id = numbered.image_id AND likes.likes),
        created_at + interval '1 minute', CASE WHEN random() < 0.02 THEN created_at + interval '1 day' END, n % 12, n
    FROM numbered
    """,
    f"""
    INSERT INTO follows
    SELECT 'person' || floor({PEOPLE} * random())::int, 'person' || floor({PEOPLE} * random() ^ 2)::int,
        random() < 0.97, timestamptz '2025-01-01' + n * interval '1 second'
    FROM generate_series(1, {FOLLOWS}) AS n
    ON CONFLICT DO NOTHING
    """,
    f"DELETE FROM follows WHERE follower IN ('{READER}', '{BUSY_READER}')",
    *(
        f"INSERT INTO follows SELECT '{reader}', 'person' || 10 * n, true, now() FROM generate_series(1, {many}) AS n"
        for reader, many in ((READER, FOLLOWED), (BUSY_READER, FOLLOWED_BY_BUSY))
    ),
    "DROP TABLE numbered, liked",
    "VACUUM ANALYZE",
)


async def fill(postgres: str, images: int) -> None:
    """A library of so many images in an empty database, and the crowd that shares them."""
    await library.fill(postgres, images)
    async with await AsyncConnection.connect(postgres, autocommit=True) as connection:
        name = await schema.live(connection)
        await connection.execute("SELECT set_config('search_path', %s, false)", (f'"{name}"',))
        for statement in STATEMENTS:
            await connection.execute(statement.encode())
