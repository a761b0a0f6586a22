-- Built after a bulk load; live projection keeps them.

CREATE INDEX events_image ON events (image_id, append_time, topic, "offset") WHERE image_id IS NOT NULL;
-- A request's own event, not what it caused.
CREATE INDEX events_request ON events (request_id) WHERE request_id IS NOT NULL AND causation_id IS NULL;
-- The log in its own order: who follows it asks for what came after an offset.
CREATE INDEX events_position ON events (topic, partition, "offset");
-- The same for the events of one account.
CREATE INDEX events_owner ON events (owner, topic, partition, "offset") WHERE owner IS NOT NULL;

CREATE INDEX accounts_api_keys ON accounts USING gin (api_key_ids);
CREATE INDEX accounts_created ON accounts (created_at, name);

-- The last three are no order: they let a walk through the newest skip what does not fit without fetching its row.
CREATE INDEX images_created ON images (owner, created_at, image_id, width, height, media_type) WHERE deleted_at IS NULL;
CREATE INDEX images_every ON images (created_at, image_id) WHERE deleted_at IS NULL;
CREATE INDEX images_deleted ON images (owner, created_at, image_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX images_size ON images (owner, size, image_id) WHERE deleted_at IS NULL;
CREATE INDEX images_sha256 ON images (sha256, owner);
CREATE INDEX images_public ON images (owner, created_at, image_id) WHERE visibility = 'public' AND deleted_at IS NULL;
CREATE INDEX images_tags ON images USING gin (tags);
-- Which algorithms are wanted: an account's images have few such lists between them.
CREATE INDEX images_wanted ON images (owner, (jsonb_path_query_array(wanted, '$[*].algorithm')));
CREATE INDEX images_words ON images USING gin (array_to_tsvector(words));

CREATE INDEX jobs_created ON jobs (owner, created_at, job_id);
CREATE INDEX deliveries_request ON deliveries (request);

CREATE INDEX posts_newest ON posts (created_at, post_id) WHERE deleted_at IS NULL;
CREATE INDEX posts_most_liked ON posts (likes, post_id) WHERE deleted_at IS NULL;
CREATE INDEX posts_author ON posts (author, created_at, post_id) WHERE deleted_at IS NULL;
CREATE INDEX posts_author_liked ON posts (author, likes, post_id) WHERE deleted_at IS NULL;
CREATE INDEX posts_image ON posts (image_id) WHERE deleted_at IS NULL;
CREATE INDEX likes_post ON likes (post_id, since, account) WHERE likes;
CREATE INDEX follows_follower ON follows (follower, since, account) WHERE follows;
CREATE INDEX follows_account ON follows (account, since, follower) WHERE follows;

CREATE INDEX attempts_image ON attempts (image_id);
CREATE INDEX attempts_failed ON attempts (owner, finished_at) WHERE failures <> '[]';

CREATE INDEX facts_taken ON facts (owner, taken_at, image_id) WHERE taken_at IS NOT NULL;
CREATE INDEX facts_camera ON facts (owner, camera, image_id) WHERE camera IS NOT NULL;
-- `near` reads every hash of an owner out of the index alone, and counts bits.
CREATE INDEX facts_phash ON facts (owner) INCLUDE (phash, image_id, sha256) WHERE phash IS NOT NULL;
CREATE INDEX facts_terms ON facts USING gin (terms) WHERE terms IS NOT NULL;
CREATE INDEX facts_words ON facts USING gin (array_to_tsvector(words)) WHERE words IS NOT NULL;
-- Which versions there are: few beside the facts, so that a walk from each to the next is short.
CREATE INDEX facts_versions ON facts (algorithm, version);

CREATE INDEX letters_buried ON letters (buried_at, letter);
CREATE INDEX letters_discarded ON letters (topic, partition, "offset")
    WHERE consumer = 'projector' AND state = 'discarded';
CREATE INDEX parked_unread ON parked (topic, partition, lane) WHERE reason IS NOT NULL;
CREATE INDEX parked_lane ON parked (lane, "offset");
CREATE INDEX parked_event ON parked (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX released_position ON released (topic, partition, "offset");
