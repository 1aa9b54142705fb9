-- Claims the ids of events that were counted without it, for all times at once, and returns the keys of those that did not
-- get theirs, after a row without a key that has the number of requests taken. Rows that another audit holds are skipped;
-- one that dies leaves all its rows. Ids go in in order, so that two audits wait for each other instead of deadlocking.
WITH taken AS (
    DELETE FROM metering_unclaimedevents
    WHERE id = ANY (ARRAY(
        SELECT id FROM metering_unclaimedevents ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING id, keys
),
sent AS (
    SELECT taken.id, k.key, ('00000000' || right(replace(k.key::text, '-', ''), 24))::uuid AS identity
    FROM taken CROSS JOIN unnest(taken.keys) AS k (key)
),
claimed AS (
    INSERT INTO metering_eventidentity (identity, key)
    SELECT DISTINCT ON (identity) identity, key FROM sent ORDER BY identity, id, key
    ON CONFLICT (identity) DO NOTHING
    RETURNING key
)
SELECT (SELECT count(*) FROM taken), NULL::uuid
UNION ALL
SELECT 0, key FROM sent WHERE key NOT IN (SELECT key FROM claimed)
