-- Every series and day whose stored sums differ from a recount of its events that are not voided, in one snapshot.
-- Keys narrow the events down to the partitions of those days.
WITH wanted AS (
    SELECT id FROM metering_series WHERE %(customer_id)s::bigint IS NULL OR customer_id = %(customer_id)s::bigint
),
parts AS (
    SELECT series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    FROM metering_usageday
    WHERE series_id IN (SELECT id FROM wanted) AND (%(since)s::date IS NULL OR day >= %(since)s::date)
        AND (%(until)s::date IS NULL OR day < %(until)s::date)
    UNION ALL
    SELECT series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    FROM metering_usagedelta
    WHERE series_id IN (SELECT id FROM wanted) AND (%(since)s::date IS NULL OR day >= %(since)s::date)
        AND (%(until)s::date IS NULL OR day < %(until)s::date)
),
stored AS (
    SELECT series_id, day, ARRAY[
        sum(events), sum(uncosted_events),
        sum(uncached_input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_input),
        sum(image_input), sum(visible_output), sum(reasoning), sum(audio_output),
        sum(value_1), sum(value_2), sum(value_3), sum(value_4),
        sum(uncached_input_cost), sum(cache_read_cost), sum(cache_write_5m_cost), sum(cache_write_1h_cost),
        sum(audio_input_cost), sum(image_input_cost), sum(visible_output_cost), sum(reasoning_cost),
        sum(audio_output_cost), sum(request_cost)
    ] AS sums
    FROM parts
    GROUP BY series_id, day
),
counted AS (
    SELECT series_id, day, ARRAY[
        count(*)::numeric, count(*) FILTER (WHERE cost_state = 2),
        coalesce(sum(uncached_input), 0), coalesce(sum(cache_read), 0), coalesce(sum(cache_write_5m), 0),
        coalesce(sum(cache_write_1h), 0), coalesce(sum(audio_input), 0), coalesce(sum(image_input), 0),
        coalesce(sum(visible_output), 0), coalesce(sum(reasoning), 0), coalesce(sum(audio_output), 0),
        coalesce(sum(value_1), 0), coalesce(sum(value_2), 0), coalesce(sum(value_3), 0), coalesce(sum(value_4), 0),
        coalesce(sum(uncached_input_cost), 0), coalesce(sum(cache_read_cost), 0),
        coalesce(sum(cache_write_5m_cost), 0), coalesce(sum(cache_write_1h_cost), 0),
        coalesce(sum(audio_input_cost), 0), coalesce(sum(image_input_cost), 0),
        coalesce(sum(visible_output_cost), 0), coalesce(sum(reasoning_cost), 0),
        coalesce(sum(audio_output_cost), 0), coalesce(sum(request_cost), 0)
    ] AS sums
    FROM metering_event e
    WHERE series_id IN (SELECT id FROM wanted) AND (%(since)s::date IS NULL OR day >= %(since)s::date)
        AND (%(until)s::date IS NULL OR day < %(until)s::date)
        AND (%(first_key)s::uuid IS NULL OR key >= %(first_key)s::uuid)
        AND (%(last_key)s::uuid IS NULL OR key < %(last_key)s::uuid)
        AND NOT EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = e.key)
    GROUP BY series_id, day
)
SELECT series_id, day, stored.sums, counted.sums
FROM stored FULL JOIN counted USING (series_id, day)
WHERE stored.sums IS DISTINCT FROM counted.sums
ORDER BY series_id, day
