-- What the last look for orphans found, for the API to tell: who looks is a command, which ends.
CREATE TABLE unlogged.orphans (
    the_one   bool        PRIMARY KEY DEFAULT true CHECK (the_one),
    objects   bigint      NOT NULL,
    looked_at timestamptz NOT NULL DEFAULT now()
);
