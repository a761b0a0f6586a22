-- Where each projection stands, and which read model is the live one. Never rebuilt: a rebuild is told here.

CREATE SCHEMA projection;

CREATE TABLE projection.schemas (
    name        text PRIMARY KEY,
    fingerprint text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- At most one row: the read model that is served.
CREATE TABLE projection.live (
    the_one bool PRIMARY KEY DEFAULT true CHECK (the_one),
    schema  text NOT NULL REFERENCES projection.schemas (name)
);

-- `append_time` is the running maximum of the partition's append times, so that time never falls.
-- `epoch` fences: whoever raised it last is the one writer of the partition.
CREATE TABLE projection.offsets (
    schema      text   NOT NULL REFERENCES projection.schemas (name) ON DELETE CASCADE,
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    append_time timestamptz NOT NULL DEFAULT 'epoch',
    epoch       bigint NOT NULL DEFAULT 0,
    state       text   NOT NULL DEFAULT 'following' CHECK (state IN ('following', 'fenced')),
    PRIMARY KEY (schema, topic, partition)
);
