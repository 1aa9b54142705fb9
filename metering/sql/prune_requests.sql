-- Deletes the calls that are too old, and of each key (and of callers without one together) all but the newest.
WITH callers AS (
    SELECT id FROM customers_apikey UNION ALL SELECT NULL
),
bounds AS (
    SELECT callers.id AS api_key_id, (
        SELECT r.id FROM metering_apirequest r
        WHERE r.api_key_id IS NOT DISTINCT FROM callers.id
        ORDER BY r.id DESC OFFSET %(keep)s::bigint LIMIT 1
    ) AS last_id
    FROM callers
),
gone AS (
    DELETE FROM metering_apirequest r
    WHERE r.at < %(before)s::timestamptz OR EXISTS (
        SELECT FROM bounds b WHERE b.api_key_id IS NOT DISTINCT FROM r.api_key_id AND r.id <= b.last_id
    )
    RETURNING 1
)
SELECT count(*) FROM gone
