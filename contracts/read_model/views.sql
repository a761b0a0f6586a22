-- Joins at read: what combines topics is a view, never stored, so that no interleaving can change a row.

-- The facts that speak for an algorithm: of each (image, bytes, params) the promoted version, else the highest. Which
-- is promoted is asked last, and so only of the few facts that stand beside another one.
CREATE VIEW current_facts AS
SELECT *
FROM facts AS fact
WHERE NOT EXISTS (
    SELECT FROM facts AS other
    WHERE (other.image_id, other.sha256, other.algorithm, other.params_key)
        = (fact.image_id, fact.sha256, fact.algorithm, fact.params_key)
      AND other.version <> fact.version
      AND CASE (SELECT promoted.version FROM promotions AS promoted WHERE promoted.algorithm = other.algorithm)
          WHEN other.version THEN true
          WHEN fact.version THEN false
          ELSE other.version > fact.version
      END
);

-- One row per algorithm that the latest accepted upload or update wants. A fact settles it, whatever caused the fact;
-- else the latest cause that wants the same decides. What neither has ended, and no group runs, has failed: the session's
-- setting framelog.grouped says what groups run, comma separated. Where it is not set, as for people with psql, all waits.
CREATE VIEW wanted_analyses AS
SELECT
    image.image_id,
    wanted.position,
    wanted.algorithm,
    wanted.params,
    fact.version,
    fact.completed_at,
    fact.result,
    CASE
        WHEN fact.version IS NOT NULL THEN 'completed'
        WHEN coalesce(attempt.state, 'running') = 'running' AND wanted.disabled THEN 'failed'
        WHEN attempt.state IS NULL THEN 'queued'
        WHEN attempt.state = 'running' THEN 'running'
        ELSE 'failed'
    END AS status,
    CASE
        WHEN fact.version IS NULL AND coalesce(attempt.state, 'running') = 'running' AND wanted.disabled
        THEN '{"type": "algorithm-disabled", "detail": "no group of FRAMELOG_ALGORITHM_GROUPS runs it"}'
        WHEN fact.version IS NULL THEN attempt.failure
    END AS failure,
    attempt.attempts
FROM images AS image
CROSS JOIN LATERAL (
    SELECT
        row_number() OVER () AS position, one ->> 'algorithm' AS algorithm, one -> 'params' AS params,
        one ->> 'algorithm' <> ALL (string_to_array(current_setting('framelog.grouped', true), ',')) AS disabled
    FROM jsonb_array_elements(image.wanted) AS one
) AS wanted
LEFT JOIN LATERAL (
    SELECT current.version, current.completed_at, current.result
    FROM current_facts AS current
    WHERE current.image_id = image.image_id AND current.sha256 = image.sha256
      AND current.algorithm = wanted.algorithm AND current.params = wanted.params
) AS fact ON true
LEFT JOIN LATERAL (
    SELECT
        attempted.state,
        (SELECT one FROM jsonb_array_elements(attempted.failures) AS one
         WHERE one ->> 'algorithm' = wanted.algorithm LIMIT 1) AS failure,
        (SELECT count(*) FROM attempts AS every
         WHERE every.image_id = image.image_id AND wanted.algorithm = ANY (every.algorithms)) AS attempts
    FROM events AS cause
    LEFT JOIN attempts AS attempted
        ON attempted.cause = cause.event_id AND wanted.algorithm = ANY (attempted.algorithms)
    WHERE fact.version IS NULL
      AND cause.image_id = image.image_id AND cause.topic = 'framelog.images' AND cause.accepted
      AND EXISTS (
          SELECT FROM jsonb_array_elements(cause.data -> 'wanted') AS same
          WHERE same ->> 'algorithm' = wanted.algorithm AND same -> 'params' = wanted.params)
    ORDER BY cause."offset" DESC
    LIMIT 1
) AS attempt ON true;

-- Posts that everybody sees: the image is there, the author is not disabled.
CREATE VIEW shown_posts AS
SELECT post.*
FROM posts AS post
JOIN images AS image ON image.image_id = post.image_id AND image.deleted_at IS NULL
LEFT JOIN accounts AS author ON author.name = post.author
WHERE post.deleted_at IS NULL AND author.disabled IS NOT TRUE;

-- An image with all of them, and one word for all of them: `completed` where nothing is wanted. `shown` is what everybody
-- sees the public view of: public itself or in a post that stands.
CREATE VIEW described_images AS
SELECT
    image.*,
    image.deleted_at IS NULL
        AND (image.visibility = 'public'
            OR EXISTS (SELECT FROM posts AS post WHERE post.image_id = image.image_id AND post.deleted_at IS NULL))
        AND NOT EXISTS (SELECT FROM accounts AS owner WHERE owner.name = image.owner AND owner.disabled) AS shown,
    CASE
        WHEN every.queued + every.running = 0 AND every.failed = 0 THEN 'completed'
        WHEN every.queued + every.running = 0 AND every.completed = 0 THEN 'failed'
        WHEN every.queued + every.running = 0 THEN 'partial'
        WHEN every.running + every.completed + every.failed > 0 THEN 'running'
        ELSE 'queued'
    END AS status,
    every.analyses
FROM images AS image
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'running') AS running,
        count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        coalesce(json_agg(to_json(one) ORDER BY one.position), '[]') AS analyses
    FROM wanted_analyses AS one
    WHERE one.image_id = image.image_id
) AS every;

-- One row per algorithm that a job wants. A fact settles it, whatever caused the fact; else its last attempt.
CREATE VIEW wanted_of_jobs AS
SELECT
    job.job_id,
    wanted.position,
    wanted.algorithm,
    wanted.params,
    fact.version,
    fact.result,
    attempt.started_at,
    CASE WHEN fact.version IS NULL THEN attempt.finished_at ELSE greatest(fact.completed_at, job.requested_at) END
        AS completed_at,
    CASE
        WHEN fact.version IS NOT NULL THEN 'completed'
        WHEN coalesce(attempt.state, 'running') = 'running' AND wanted.disabled THEN 'failed'
        WHEN attempt.state IS NULL THEN 'queued'
        WHEN attempt.state = 'running' THEN 'running'
        ELSE 'failed'
    END AS status,
    CASE
        WHEN fact.version IS NULL AND coalesce(attempt.state, 'running') = 'running' AND wanted.disabled
        THEN '{"type": "algorithm-disabled", "detail": "no group of FRAMELOG_ALGORITHM_GROUPS runs it"}'
        WHEN fact.version IS NULL THEN attempt.failure
    END AS failure
FROM jobs AS job
CROSS JOIN LATERAL (
    SELECT
        row_number() OVER () AS position, one ->> 'algorithm' AS algorithm, one -> 'params' AS params,
        one ->> 'algorithm' <> ALL (string_to_array(current_setting('framelog.grouped', true), ',')) AS disabled
    FROM jsonb_array_elements(job.wanted) AS one
) AS wanted
LEFT JOIN LATERAL (
    SELECT current.version, current.completed_at, current.result
    FROM current_facts AS current
    WHERE current.image_id = job.image_id AND current.sha256 = job.sha256
      AND current.algorithm = wanted.algorithm AND current.params = wanted.params
) AS fact ON true
LEFT JOIN LATERAL (
    SELECT
        one.state,
        one.started_at,
        one.finished_at,
        (SELECT found.value FROM jsonb_array_elements(one.failures) AS found
         WHERE found.value ->> 'algorithm' = wanted.algorithm LIMIT 1) AS failure
    FROM attempts AS one
    WHERE one.cause = job.cause AND wanted.algorithm = ANY (one.algorithms)
) AS attempt ON true;

-- A job with what became of its last attempt. Where it wants nothing, it is the fetched picture itself.
CREATE VIEW described_jobs AS
SELECT
    job.*,
    every.analyses,
    every.started_at,
    coalesce(job.failure, every.failure) AS error,
    CASE
        WHEN job.failure IS NOT NULL THEN failed.append_time
        WHEN job.wanted = '[]' THEN fetched.append_time
        WHEN every.queued + every.running = 0 THEN every.completed_at
    END AS finished_at,
    CASE
        WHEN job.failure IS NOT NULL OR every.queued + every.running = 0 AND every.failed > 0 THEN 'failed'
        WHEN job.cause IS NULL THEN 'queued'
        WHEN every.queued + every.running = 0 THEN 'succeeded'
        WHEN every.running + every.completed + every.failed > 0 THEN 'running'
        ELSE 'queued'
    END AS status,
    delivery.state AS delivery_state,
    delivery.attempts AS delivery_attempts,
    delivery.last_status AS delivery_status
FROM jobs AS job
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE status = 'queued') AS queued,
        count(*) FILTER (WHERE status = 'running') AS running,
        count(*) FILTER (WHERE status = 'completed') AS completed,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        min(one.started_at) AS started_at,
        max(one.completed_at) AS completed_at,
        (array_agg(one.failure ORDER BY one.position) FILTER (WHERE one.failure IS NOT NULL))[1] AS failure,
        coalesce(json_agg(to_json(one) ORDER BY one.position), '[]') AS analyses
    FROM wanted_of_jobs AS one
    WHERE one.job_id = job.job_id
) AS every
LEFT JOIN events AS fetched ON job.wanted = '[]' AND fetched.event_id = job.cause
LEFT JOIN LATERAL (
    SELECT one.append_time FROM events AS one
    WHERE job.failure IS NOT NULL AND one.image_id = job.image_id AND one.causation_id = job.requested
    LIMIT 1
) AS failed ON true
LEFT JOIN deliveries AS delivery ON delivery.request = job.requested;

-- A dead letter as it stands: `parked` counts the records that wait behind it. What an older projector could not read, and
-- the served read model has folded in its place, is `read`.
CREATE VIEW dead_letters AS
SELECT
    letter.*,
    CASE
        WHEN letter.consumer = 'projector' AND letter.topic <> 'framelog.dead-letters'
            AND letter.state <> 'discarded' AND record.lane IS NULL
            AND EXISTS (
                SELECT FROM projection.offsets AS at JOIN projection.live USING (schema)
                WHERE (at.topic, at.partition) = (letter.topic, letter.partition) AND at.next_offset > letter."offset")
        THEN 'read'
        ELSE letter.state
    END AS standing,
    (SELECT count(*) FROM parked AS behind
     WHERE behind.lane = record.lane AND behind."offset" > record."offset" AND behind.reason IS NULL) AS parked
FROM letters AS letter
LEFT JOIN parked AS record
    ON letter.consumer = 'projector'
    AND (record.topic, record.partition, record."offset") = (letter.topic, letter.partition, letter."offset");
