-- Usage in windows: whole days from rollups, merged and not merged, edges from events, in one snapshot. One row per
-- customer, window (numbered from 1) and group, in that order, those after a given one.
WITH
-- part: usage_scope
,
days AS (
    SELECT series_id, day, events, uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4
    FROM metering_usageday
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(first_day)s::date AND day < %(last_day)s::date
    UNION ALL
    SELECT series_id, day, events, uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4
    FROM metering_usagedelta
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(first_day)s::date AND day < %(last_day)s::date
),
unmerged AS (
    SELECT * FROM metering_usagestatdelta
    WHERE %(property)s::text <> '' AND property = %(property)s::text
        AND series_id IN (SELECT id FROM wanted) AND day >= %(first_day)s::date AND day < %(last_day)s::date
),
stats AS (
    SELECT series_id, day, count, minimum, maximum, latest_at, latest_key, latest, weighted
    FROM metering_usagestatday
    WHERE %(property)s::text <> '' AND property = %(property)s::text
        AND series_id IN (SELECT id FROM wanted) AND day >= %(first_day)s::date AND day < %(last_day)s::date
    UNION ALL
    SELECT series_id, day, count, minimum, maximum, latest_at, latest_key, latest, weighted
    FROM unmerged
    WHERE count > 0
),
hashes AS (
    SELECT series_id, day, hash FROM metering_usageuniqueday
    WHERE %(property)s::text <> '' AND property = %(property)s::text
        AND series_id IN (SELECT id FROM wanted) AND day >= %(first_day)s::date AND day < %(last_day)s::date
    UNION ALL
    SELECT series_id, day, u.hash FROM unmerged CROSS JOIN unnest(uniques) AS u (hash)
),
whole AS (
    SELECT series_id, day, events,
        CASE WHEN 'uncached_input' = ANY (%(measures)s::text[]) THEN d.uncached_input ELSE 0 END
            + CASE WHEN 'cache_read' = ANY (%(measures)s::text[]) THEN d.cache_read ELSE 0 END
            + CASE WHEN 'cache_write_5m' = ANY (%(measures)s::text[]) THEN d.cache_write_5m ELSE 0 END
            + CASE WHEN 'cache_write_1h' = ANY (%(measures)s::text[]) THEN d.cache_write_1h ELSE 0 END
            + CASE WHEN 'audio_input' = ANY (%(measures)s::text[]) THEN d.audio_input ELSE 0 END
            + CASE WHEN 'image_input' = ANY (%(measures)s::text[]) THEN d.image_input ELSE 0 END
            + CASE WHEN 'visible_output' = ANY (%(measures)s::text[]) THEN d.visible_output ELSE 0 END
            + CASE WHEN 'reasoning' = ANY (%(measures)s::text[]) THEN d.reasoning ELSE 0 END
            + CASE WHEN 'audio_output' = ANY (%(measures)s::text[]) THEN d.audio_output ELSE 0 END
            + CASE WHEN 'value_1' = ANY (%(measures)s::text[]) THEN d.value_1 ELSE 0 END
            + CASE WHEN 'value_2' = ANY (%(measures)s::text[]) THEN d.value_2 ELSE 0 END
            + CASE WHEN 'value_3' = ANY (%(measures)s::text[]) THEN d.value_3 ELSE 0 END
            + CASE WHEN 'value_4' = ANY (%(measures)s::text[]) THEN d.value_4 ELSE 0 END AS total,
        NULL::bigint AS count, NULL::numeric AS minimum, NULL::numeric AS maximum, NULL::bigint AS latest_at,
        NULL::uuid AS latest_key, NULL::numeric AS latest, NULL::numeric AS weighted, NULL::uuid AS hash
    FROM days d
    UNION ALL
    SELECT series_id, day, 0, 0, count, minimum, maximum, latest_at, latest_key, latest, weighted, NULL FROM stats
    UNION ALL
    SELECT series_id, day, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, hash FROM hashes
),
parts AS (
    SELECT customer_id, place, grouped, events, total, count, minimum, maximum, latest_at, latest_key, latest, weighted, hash
    FROM (
        SELECT whole.*, wanted.customer_id, wanted.grouped, windows.last_days,
            width_bucket(whole.day, windows.first_days) AS place
        FROM whole JOIN wanted ON wanted.id = whole.series_id JOIN windows ON windows.customer_id = wanted.customer_id
    ) AS placed
    -- A day before the first window has no place, and one that no window has wholly is past the last of its place.
    WHERE place > 0 AND day < last_days[place]
    UNION ALL
    SELECT e.customer_id, e.place, e.grouped, 1, coalesce(v.value, 0), (v.value IS NOT NULL)::int, v.value, v.value,
        CASE WHEN v.value IS NOT NULL THEN v.microseconds END, e.key, v.value, v.value * v.microseconds, NULL
    FROM edges e
    CROSS JOIN LATERAL (
        SELECT sum(m.value) AS value, (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS microseconds
        FROM (VALUES
            ('uncached_input', e.uncached_input::numeric), ('cache_read', e.cache_read),
            ('cache_write_5m', e.cache_write_5m), ('cache_write_1h', e.cache_write_1h),
            ('audio_input', e.audio_input), ('image_input', e.image_input), ('visible_output', e.visible_output),
            ('reasoning', e.reasoning), ('audio_output', e.audio_output),
            ('value_1', e.value_1), ('value_2', e.value_2), ('value_3', e.value_3), ('value_4', e.value_4)
        ) AS m (measure, value)
        WHERE m.measure = ANY (%(measures)s::text[])
    ) AS v
    UNION ALL
    SELECT customer_id, place, ARRAY(SELECT jsonb_array_elements_text(grouped::jsonb) COLLATE "C"),
        0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, hash
    FROM unnest(
        %(text_customer)s::bigint[], %(text_place)s::int[], %(text_group)s::text[], %(text_hash)s::uuid[]
    ) AS t (customer_id, place, grouped, hash)
)
SELECT
    customer_id, place, grouped, sum(events)::bigint AS events, sum(total) AS total, coalesce(sum(count), 0)::bigint AS count,
    min(minimum) AS minimum, max(maximum) AS maximum,
    (array_agg(latest ORDER BY latest_at DESC, latest_key DESC) FILTER (WHERE latest_at IS NOT NULL))[1] AS latest,
    coalesce(sum(weighted), 0) AS weighted, count(DISTINCT hash) AS texts
FROM parts
GROUP BY customer_id, place, grouped
HAVING sum(events) <> 0
    AND (customer_id, place, grouped COLLATE "C")
        > (%(after_customer)s::bigint, %(after_place)s::int, %(after_group)s::text[] COLLATE "C")
ORDER BY customer_id, place, grouped COLLATE "C"
LIMIT %(limit)s::bigint
