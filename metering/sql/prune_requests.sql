-- Deletes the calls that are too old, and of each key (and of callers without one together) all but the newest.
WITH bounds AS (
    SELECT k.id AS api_key_id, (
        SELECT r.id FROM metering_apirequest r
        WHERE r.api_key_id = k.id ORDER BY r.id DESC OFFSET %(keep)s::bigint LIMIT 1
    ) AS last_id
    FROM customers_apikey k
),
nobody AS (
    SELECT r.id AS last_id FROM metering_apirequest r
    WHERE r.api_key_id IS NULL ORDER BY r.id DESC OFFSET %(keep)s::bigint LIMIT 1
),
surplus AS (
    SELECT id FROM metering_apirequest WHERE at < %(before)s::timestamptz
    UNION
    SELECT r.id FROM bounds b JOIN metering_apirequest r ON r.api_key_id = b.api_key_id AND r.id <= b.last_id
    UNION
    SELECT r.id FROM nobody n JOIN metering_apirequest r ON r.api_key_id IS NULL AND r.id <= n.last_id
),
gone AS (
    DELETE FROM metering_apirequest WHERE id IN (SELECT id FROM surplus)
    RETURNING 1
)
SELECT count(*) FROM gone
