-- Refresh tokens: of each log-in the one generation that may still be used. A generation that comes twice was stolen.
CREATE TABLE unlogged.sessions (
    session    uuid        PRIMARY KEY,
    account    text        NOT NULL,
    generation int         NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX sessions_expires ON unlogged.sessions (expires_at);
