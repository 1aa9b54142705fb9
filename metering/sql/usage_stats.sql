-- What is kept beside sums of one customer's usage, per series, local day and property: merged and not merged yet, in one
-- snapshot. The first row has no series: it says how many events the days have in that snapshot.
WITH wanted AS (
    SELECT id FROM metering_series WHERE customer_id = %(customer_id)s
),
deltas AS (
    SELECT * FROM metering_usagestatdelta
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
),
parts AS (
    SELECT series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    FROM metering_usagestatday
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
    UNION ALL
    SELECT series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    FROM deltas WHERE count > 0
),
stats AS (
    SELECT
        series_id, day, property, sum(count)::bigint AS count, min(minimum) AS minimum, max(maximum) AS maximum,
        max(latest_at) AS latest_at,
        (array_agg(latest_key ORDER BY latest_at DESC, latest_key DESC))[1] AS latest_key,
        (array_agg(latest ORDER BY latest_at DESC, latest_key DESC))[1] AS latest,
        sum(total) AS total, sum(weighted) AS weighted
    FROM parts
    GROUP BY series_id, day, property
),
amounts AS (
    SELECT series_id, day, property, array_agg(amount ORDER BY amount) AS amounts, array_agg(events ORDER BY amount) AS events
    FROM (
        SELECT series_id, day, property, amount, sum(events)::bigint AS events
        FROM (
            SELECT series_id, day, property, amount, events FROM metering_usageamountday
            WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
            UNION ALL
            SELECT series_id, day, property, a.amount, 1 FROM deltas CROSS JOIN unnest(amounts) AS a (amount)
        ) AS each_amount
        GROUP BY series_id, day, property, amount
    ) AS summed
    GROUP BY series_id, day, property
),
uniques AS (
    SELECT series_id, day, property, array_agg(hash ORDER BY hash) AS hashes
    FROM (
        SELECT series_id, day, property, hash FROM metering_usageuniqueday
        WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
        UNION
        SELECT series_id, day, property, u.hash FROM deltas CROSS JOIN unnest(uniques) AS u (hash)
    ) AS each_hash
    GROUP BY series_id, day, property
),
counted AS (
    SELECT (
        SELECT coalesce(sum(events), 0) FROM metering_usageday
        WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
    ) + (
        SELECT coalesce(sum(events), 0) FROM metering_usagedelta
        WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
    ) AS events
)
SELECT
    NULL::int AS series_id, NULL::date AS day, NULL::text AS property, events::bigint AS count,
    NULL::numeric AS minimum, NULL::numeric AS maximum, NULL::bigint AS latest_at, NULL::uuid AS latest_key,
    NULL::numeric AS latest, NULL::numeric AS total, NULL::numeric AS weighted,
    NULL::numeric[] AS amounts, NULL::bigint[] AS amount_events, NULL::uuid[] AS hashes
FROM counted
UNION ALL
SELECT
    series_id, day, property, coalesce(count, 0), minimum, maximum, latest_at, latest_key, latest, total, weighted,
    amounts, events, hashes
FROM stats
FULL JOIN amounts USING (series_id, day, property)
FULL JOIN uniques USING (series_id, day, property)
ORDER BY 1 NULLS FIRST, 2, 3
