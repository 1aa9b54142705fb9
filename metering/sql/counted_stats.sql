-- Part of statements that count statistics anew: those of the events of some customers, event types and series (all:
-- NULL) on the local days [start, end), by series, day and property, and their single values where they are kept. The
-- value of an event is the sum of those of the property's measures that it carries; with none of them it has no value.
-- Voided events don't count.
needs AS (
    SELECT * FROM unnest(
        %(need_type)s::bigint[], %(need_property)s::text[], %(need_measures)s::text[], %(need_single)s::boolean[]
    ) AS n (event_type_id, property, measures, single)
),
wanted AS (
    SELECT id, event_type_id FROM metering_series
    WHERE (%(customer_id)s::bigint IS NULL OR customer_id = %(customer_id)s::bigint)
        AND (%(event_type_id)s::bigint IS NULL OR event_type_id = %(event_type_id)s::bigint)
        AND (%(series_ids)s::int[] IS NULL OR id = ANY (%(series_ids)s::int[]))
),
measured AS (
    SELECT e.series_id, e.day, n.property, n.single, e.key, v.value,
        (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS microseconds
    FROM metering_event e
    JOIN wanted ON wanted.id = e.series_id
    JOIN needs n ON n.event_type_id = wanted.event_type_id
    CROSS JOIN LATERAL (
        SELECT sum(m.value) AS value
        FROM (VALUES
            ('uncached_input', e.uncached_input::numeric), ('cache_read', e.cache_read),
            ('cache_write_5m', e.cache_write_5m), ('cache_write_1h', e.cache_write_1h),
            ('audio_input', e.audio_input), ('image_input', e.image_input), ('visible_output', e.visible_output),
            ('reasoning', e.reasoning), ('audio_output', e.audio_output),
            ('value_1', e.value_1), ('value_2', e.value_2), ('value_3', e.value_3), ('value_4', e.value_4)
        ) AS m (measure, value)
        WHERE m.measure = ANY (n.measures::text[])
    ) AS v
    WHERE e.key >= %(first_key)s::uuid AND e.key < %(last_key)s::uuid
        AND e.day >= %(start)s::date AND e.day < %(end)s::date
        AND v.value IS NOT NULL
        AND NOT EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = e.key)
),
counted AS (
    SELECT
        series_id, day, property, count(*) AS count, min(value) AS minimum, max(value) AS maximum,
        max(microseconds) AS latest_at,
        (array_agg(key ORDER BY microseconds DESC, key DESC))[1] AS latest_key,
        (array_agg(value ORDER BY microseconds DESC, key DESC))[1] AS latest,
        sum(value) AS total, sum(value * microseconds) AS weighted
    FROM measured
    GROUP BY series_id, day, property
),
counted_amounts AS (
    SELECT series_id, day, property, value AS amount, count(*) AS events
    FROM measured
    WHERE single
    GROUP BY series_id, day, property, value
)
