-- Brings unmerged statistics into their days. All of it combines in any order: least and greatest, the later one of two
-- by instant and key, sums, and sets.
WITH taken AS (
    DELETE FROM metering_usagestatdelta
    WHERE id = ANY (ARRAY(SELECT id FROM metering_usagestatdelta ORDER BY id LIMIT %(limit)s))
    RETURNING *
),
stats AS (
    INSERT INTO metering_usagestatday AS stored (
        series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    )
    SELECT
        series_id, day, property, sum(count), min(minimum), max(maximum),
        (array_agg(latest_at ORDER BY latest_at DESC, latest_key DESC))[1],
        (array_agg(latest_key ORDER BY latest_at DESC, latest_key DESC))[1],
        (array_agg(latest ORDER BY latest_at DESC, latest_key DESC))[1],
        sum(total), sum(weighted)
    FROM taken
    WHERE count > 0
    GROUP BY series_id, day, property
    ON CONFLICT (series_id, day, property) DO UPDATE SET
        count = stored.count + excluded.count,
        minimum = least(stored.minimum, excluded.minimum),
        maximum = greatest(stored.maximum, excluded.maximum),
        latest = CASE WHEN (excluded.latest_at, excluded.latest_key) > (stored.latest_at, stored.latest_key)
            THEN excluded.latest ELSE stored.latest END,
        latest_key = CASE WHEN (excluded.latest_at, excluded.latest_key) > (stored.latest_at, stored.latest_key)
            THEN excluded.latest_key ELSE stored.latest_key END,
        latest_at = greatest(stored.latest_at, excluded.latest_at),
        total = stored.total + excluded.total,
        weighted = stored.weighted + excluded.weighted
),
amounts AS (
    INSERT INTO metering_usageamountday AS stored (series_id, day, property, amount, events)
    SELECT series_id, day, property, amount, count(*)
    FROM taken CROSS JOIN unnest(amounts) AS a (amount)
    GROUP BY series_id, day, property, amount
    ON CONFLICT (series_id, day, property, amount) DO UPDATE SET events = stored.events + excluded.events
),
uniques AS (
    INSERT INTO metering_usageuniqueday (series_id, day, property, hash)
    SELECT DISTINCT series_id, day, property, hash
    FROM taken CROSS JOIN unnest(uniques) AS u (hash)
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM taken
