-- Read models in the making. `ready` ones can be followed and served; `retired` ones were served once, and can be again.
ALTER TABLE projection.schemas
    ADD COLUMN state text NOT NULL DEFAULT 'ready' CHECK (state IN ('building', 'ready', 'retired', 'as-of'));

CREATE SEQUENCE projection.schema_numbers;
SELECT setval('projection.schema_numbers', (SELECT count(*) + 1 FROM projection.schemas), false);

-- What a build is for and how far it is, so that a killed one goes on and people can see it.
CREATE TABLE projection.builds (
    schema     text        PRIMARY KEY REFERENCES projection.schemas (name) ON DELETE CASCADE,
    purpose    text        NOT NULL,
    phase      text        NOT NULL DEFAULT 'folding',
    total      bigint      NOT NULL,
    done       bigint      NOT NULL DEFAULT 0,
    memory     bigint      NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Where a build ends in each partition, and whether it has folded it.
CREATE TABLE projection.goals (
    schema    text   NOT NULL REFERENCES projection.builds (schema) ON DELETE CASCADE,
    topic     text   NOT NULL,
    partition int    NOT NULL,
    upto      bigint NOT NULL,
    PRIMARY KEY (schema, topic, partition)
);
