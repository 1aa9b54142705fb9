-- Part of ingest.sql for requests with events of which meters need more than sums: a row per event and property, with a
-- number or the hash of a text.
, kept AS (
    SELECT position, (%(kept_names)s::text[])[name] AS property, value, single <> 0 AS single, hash FROM unnest(
        %(kept_position)s::int[], %(kept_name)s::int[], %(kept_value)s::numeric[], %(kept_single)s::smallint[],
        %(kept_hash)s::uuid[]
    ) AS t (position, name, value, single, hash)
),
stats AS (
    INSERT INTO metering_usagestatdelta (
        series_id, day, property, count, minimum, maximum, latest_at, latest_key, latest, total, weighted,
        amounts, uniques
    )
    SELECT
        series_id, day, property, count(value), min(value), max(value),
        (array_agg(microseconds ORDER BY microseconds DESC, key DESC) FILTER (WHERE value IS NOT NULL))[1],
        (array_agg(key ORDER BY microseconds DESC, key DESC) FILTER (WHERE value IS NOT NULL))[1],
        (array_agg(value ORDER BY microseconds DESC, key DESC) FILTER (WHERE value IS NOT NULL))[1],
        sum(value), sum(value * microseconds),
        array_agg(value) FILTER (WHERE single AND value IS NOT NULL),
        array_agg(DISTINCT hash) FILTER (WHERE hash IS NOT NULL)
    FROM kept
    JOIN (
        SELECT series_id, day, key, position, (extract(epoch FROM occurred_at) * 1000000)::bigint AS microseconds
        FROM written
    ) AS w USING (position)
    GROUP BY series_id, day, property
)
