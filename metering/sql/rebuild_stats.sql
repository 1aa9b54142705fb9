-- Puts the statistics of some days in place of the stored ones, counted from the events of the same snapshot. With
-- lock_stats held before, nothing else takes stored rows away or adds them up, so this is exact while events come in: an
-- event and its delta are in the snapshot both, or neither, and then the delta stays. The distinct texts of the deltas
-- that go are read from the events again, in the same transaction. Nothing is returned.
WITH
-- part: counted_stats
, dropped AS (
    DELETE FROM metering_usagestatdelta
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s::date AND day < %(end)s::date
),
dropped_days AS (
    DELETE FROM metering_usagestatday AS stored
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s::date AND day < %(end)s::date
        AND NOT EXISTS (
            SELECT FROM counted c
            WHERE c.series_id = stored.series_id AND c.day = stored.day AND c.property = stored.property
        )
),
dropped_amounts AS (
    DELETE FROM metering_usageamountday AS stored
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s::date AND day < %(end)s::date
        AND NOT EXISTS (
            SELECT FROM counted_amounts c
            WHERE c.series_id = stored.series_id AND c.day = stored.day AND c.property = stored.property
                AND c.amount = stored.amount
        )
),
stats AS (
    INSERT INTO metering_usagestatday (
        series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    )
    SELECT series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted
    FROM counted
    ON CONFLICT (series_id, day, property) DO UPDATE SET
        count = excluded.count, minimum = excluded.minimum, maximum = excluded.maximum,
        latest_at = excluded.latest_at, latest_key = excluded.latest_key, latest = excluded.latest,
        total = excluded.total, weighted = excluded.weighted
)
INSERT INTO metering_usageamountday (series_id, day, property, amount, events)
SELECT series_id, day, property, amount, events
FROM counted_amounts
ON CONFLICT (series_id, day, property, amount) DO UPDATE SET events = excluded.events
