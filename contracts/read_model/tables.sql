-- The read model: each row is folded from one partition of one topic. No IF NOT EXISTS, no ALTER: a change is a rebuild.

-- Every event seen, with the fold's verdict: deduplication, history, verdicts and the feed.
CREATE TABLE events (
    event_id      uuid        NOT NULL PRIMARY KEY,
    type          text        NOT NULL,
    topic         text        NOT NULL,
    partition     int         NOT NULL,
    "offset"      bigint      NOT NULL,
    append_time   timestamptz NOT NULL,
    request_id    uuid,
    causation_id  uuid,
    traceparent   text,
    owner         text,
    actor         text,
    aggregate     text        NOT NULL,
    image_id      uuid,
    version       int,
    accepted      bool        NOT NULL,
    reason        text,
    data          jsonb       NOT NULL
);

CREATE TABLE accounts (
    name                 text        NOT NULL PRIMARY KEY,
    account_id           uuid        NOT NULL,
    role                 text        NOT NULL,
    version              int         NOT NULL,
    epoch                int         NOT NULL,
    sealed_email         text        NOT NULL,
    sealed_password_hash text        NOT NULL,
    created_at           timestamptz NOT NULL,
    disabled             bool        NOT NULL,
    api_keys             jsonb       NOT NULL,
    webhook_generation   int         NOT NULL,
    webhook_rotated_at   timestamptz,
    partition            int         NOT NULL,
    "offset"             bigint      NOT NULL,
    api_key_ids          uuid[]      NOT NULL
);

CREATE TABLE images (
    image_id    uuid        NOT NULL PRIMARY KEY,
    owner       text        NOT NULL,
    version     int         NOT NULL,
    sha256      text        NOT NULL,
    size        bigint      NOT NULL,
    media_type  text        NOT NULL,
    storage_key text        NOT NULL,
    width       int         NOT NULL,
    height      int         NOT NULL,
    filename    text        NOT NULL,
    title       text,
    description text,
    tags        text[]      NOT NULL,
    visibility  text        NOT NULL,
    origin      text        NOT NULL,
    wanted      jsonb       NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz,
    partition   int         NOT NULL,
    "offset"    bigint      NOT NULL,
    words       text[]      NOT NULL
);

-- A job and its last attempt. `cause` is the event whose analysis decides; null while the picture is being fetched.
CREATE TABLE jobs (
    job_id       uuid        NOT NULL PRIMARY KEY,
    owner        text        NOT NULL,
    image_id     uuid        NOT NULL,
    wanted       jsonb       NOT NULL,
    attempts     int         NOT NULL,
    requested    uuid        NOT NULL,
    requested_at timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    url          text,
    cause        uuid,
    sha256       text,
    failure      jsonb,
    callback_url text
);

-- Callbacks that have ended: `request` is the event whose outcome was to be told.
CREATE TABLE deliveries (
    delivery    uuid        NOT NULL PRIMARY KEY,
    request     uuid        NOT NULL,
    job         uuid        NOT NULL,
    owner       text        NOT NULL,
    state       text        NOT NULL,
    attempts    int         NOT NULL,
    last_status int,
    ended_at    timestamptz NOT NULL
);

CREATE TABLE posts (
    post_id    uuid        NOT NULL PRIMARY KEY,
    author     text        NOT NULL,
    image_id   uuid        NOT NULL,
    caption    text,
    version    int         NOT NULL,
    likes      int         NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    partition  int         NOT NULL,
    "offset"   bigint      NOT NULL
);

-- The last word of an account on a post; `posts.likes` counts those that like it.
CREATE TABLE likes (
    post_id uuid        NOT NULL,
    account text        NOT NULL,
    likes   bool        NOT NULL,
    since   timestamptz NOT NULL,
    PRIMARY KEY (post_id, account)
);

-- The last word of a follower on an account.
CREATE TABLE follows (
    follower text        NOT NULL,
    account  text        NOT NULL,
    follows  bool        NOT NULL,
    since    timestamptz NOT NULL,
    PRIMARY KEY (follower, account)
);

-- One cause in the hands of one algorithm group.
CREATE TABLE attempts (
    cause           uuid   NOT NULL,
    algorithm_group text   NOT NULL,
    image_id        uuid   NOT NULL,
    owner           text   NOT NULL,
    sha256          text   NOT NULL,
    algorithms      text[] NOT NULL,
    state           text   NOT NULL,
    failures        jsonb  NOT NULL,
    started_at      timestamptz,
    finished_at     timestamptz,
    PRIMARY KEY (cause, algorithm_group)
);

-- Which version of an algorithm is current; `known` are all that ever were.
CREATE TABLE promotions (
    algorithm text        NOT NULL PRIMARY KEY,
    version   int         NOT NULL,
    known     int[]       NOT NULL,
    actor     text        NOT NULL,
    since     timestamptz NOT NULL
);

-- What an algorithm found, for ever. `params_key` is '' for the house params, else a hash of them; the columns after
-- `result` are drawn from it, to be searched, and null where there is nothing: an index and the planner's statistics
-- then know only the rows that have something, and `WHERE terms && …` needs no second condition to use them.
CREATE TABLE facts (
    image_id     uuid        NOT NULL,
    sha256       text        NOT NULL,
    algorithm    text        NOT NULL,
    params_key   text        NOT NULL,
    version      int         NOT NULL,
    owner        text        NOT NULL,
    params       jsonb       NOT NULL,
    completed_at timestamptz NOT NULL,
    result       jsonb       NOT NULL,
    taken_at     timestamptz,
    camera       text,
    phash        bigint,
    terms        text[],
    words        text[],
    PRIMARY KEY (image_id, sha256, algorithm, params_key, version)
);

-- What consumers could not read, with the original bytes as base64, and what people have said to it.
CREATE TABLE letters (
    letter      uuid        NOT NULL PRIMARY KEY,
    consumer    text        NOT NULL,
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    "offset"    bigint      NOT NULL,
    appended_at timestamptz NOT NULL,
    reason      text        NOT NULL,
    detail      text        NOT NULL,
    record_key  text,
    value       text,
    headers     jsonb       NOT NULL,
    buried_at   timestamptz NOT NULL,
    state       text        NOT NULL,
    tries       int         NOT NULL,
    settled_at  timestamptz,
    settled_by  text
);

-- Whole records that wait behind one of their key that the projector cannot read, and that one itself: it has a reason.
-- `lane` stands for topic, partition and raw key, which may be too long for an index. What is settled is no row any more.
CREATE TABLE parked (
    topic       text        NOT NULL,
    partition   int         NOT NULL,
    "offset"    bigint      NOT NULL,
    lane        uuid        NOT NULL,
    append_time timestamptz NOT NULL,
    event_id    uuid,
    owner       text,
    reason      text,
    record      bytea       NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);

-- Events that were parked, and the position in `framelog.dead-letters` of what let them go: there they come into sight,
-- for whoever follows the log in its order. The one table that tells how it went, not what it came to: no digest has it.
CREATE TABLE released (
    event_id  uuid   NOT NULL PRIMARY KEY,
    topic     text   NOT NULL,
    partition int    NOT NULL,
    "offset"  bigint NOT NULL
);
