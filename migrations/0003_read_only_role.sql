-- For people and programs that query Postgres directly: the views `framelog.*`, over every switch. A role belongs to
-- the whole cluster, so it may be there already.

DO $$
BEGIN
    CREATE ROLE framelog_read NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
