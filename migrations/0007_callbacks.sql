-- Callbacks that have not ended: what is sent, and how the tries went. The queue says when the next one is.
CREATE TABLE unlogged.callbacks (
    delivery        uuid  PRIMARY KEY,
    request         uuid  NOT NULL,
    job             uuid  NOT NULL,
    owner           text  NOT NULL,
    url             text  NOT NULL,
    sealed_token    text,
    body            bytea NOT NULL,
    attempts        int   NOT NULL DEFAULT 0,
    last_status     int,
    next_attempt_at timestamptz
);

CREATE INDEX callbacks_request ON unlogged.callbacks (request);

-- How far the notifier has followed the log.
CREATE TABLE unlogged.notified (
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
