-- Every series, day and property whose stored statistics or single values differ from a recount of its events, in one
-- snapshot: each as an array of texts, NULL where there is none.
WITH
-- part: counted_stats
, deltas AS (
    SELECT * FROM metering_usagestatdelta
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s::date AND day < %(end)s::date
),
parts AS (
    SELECT series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    FROM metering_usagestatday
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s::date AND day < %(end)s::date
    UNION ALL
    SELECT series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    FROM deltas WHERE count > 0
),
stored AS (
    SELECT
        series_id, day, property, sum(count) AS count, min(minimum) AS minimum, max(maximum) AS maximum,
        max(latest_at) AS latest_at,
        (array_agg(latest_key ORDER BY latest_at DESC, latest_key DESC))[1] AS latest_key,
        (array_agg(latest ORDER BY latest_at DESC, latest_key DESC))[1] AS latest,
        sum(total) AS total, sum(weighted) AS weighted
    FROM parts
    GROUP BY series_id, day, property
),
stored_amounts AS (
    SELECT series_id, day, property, amount, sum(events) AS events
    FROM (
        SELECT series_id, day, property, amount, events FROM metering_usageamountday
        WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s::date AND day < %(end)s::date
        UNION ALL
        SELECT series_id, day, property, a.amount, 1 FROM deltas CROSS JOIN unnest(amounts) AS a (amount)
    ) AS each_amount
    GROUP BY series_id, day, property, amount
)
SELECT
    series_id, day, property,
    ARRAY[s.count, s.minimum, s.maximum, s.latest_at, s.latest, s.total, s.weighted]::numeric[] AS stored_values,
    ARRAY[c.count, c.minimum, c.maximum, c.latest_at, c.latest, c.total, c.weighted]::numeric[] AS counted_values,
    NULL::numeric AS amount
FROM stored s FULL JOIN counted c USING (series_id, day, property)
WHERE (s.count, s.minimum, s.maximum, s.latest_at, s.latest_key, s.latest, s.total, s.weighted)
    IS DISTINCT FROM (c.count, c.minimum, c.maximum, c.latest_at, c.latest_key, c.latest, c.total, c.weighted)
UNION ALL
SELECT series_id, day, property, ARRAY[s.events]::numeric[], ARRAY[c.events]::numeric[], amount
FROM stored_amounts s FULL JOIN counted_amounts c USING (series_id, day, property, amount)
WHERE s.events IS DISTINCT FROM c.events
ORDER BY 1, 2, 3, 6 NULLS FIRST
