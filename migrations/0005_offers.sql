-- Presigned uploads that have been offered: what the client said it would put under a temporary key.
CREATE TABLE unlogged.offers (
    offer      uuid        PRIMARY KEY,
    account    text        NOT NULL,
    filename   text        NOT NULL,
    size       bigint      NOT NULL,
    sha256     text        NOT NULL,
    key        text        NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX offers_expires ON unlogged.offers (expires_at);
