-- Takes events out of usage: one statement, so that the correction and the negative sums of what doesn't count any more
-- exist together or not at all. An event that is voided already is left alone. Returns the keys of those voided now.
-- The events are locked before (lock_events), so their cost and day are the ones that were counted.
WITH sent AS (
    SELECT * FROM unnest(%(key)s::uuid[], %(replaced_by)s::uuid[]) AS t (key, replaced_by)
),
made AS (
    INSERT INTO metering_eventcorrection (key, kind, replaced_by, series_id, run_id, made_at)
    SELECT e.key, CASE WHEN sent.replaced_by IS NULL THEN 'void' ELSE 'replace' END, sent.replaced_by, e.series_id,
        %(run_id)s::bigint, %(made_at)s::timestamptz
    FROM sent JOIN metering_event e ON e.key = sent.key
    ORDER BY e.key
    ON CONFLICT (key) DO NOTHING
    RETURNING key
),
deltas AS (
    INSERT INTO metering_usagedelta (
        series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
    SELECT
        series_id, day, -count(*), -count(*) FILTER (WHERE cost_state = 2),
        -coalesce(sum(uncached_input), 0), -coalesce(sum(cache_read), 0), -coalesce(sum(cache_write_5m), 0),
        -coalesce(sum(cache_write_1h), 0), -coalesce(sum(audio_input), 0), -coalesce(sum(image_input), 0),
        -coalesce(sum(visible_output), 0), -coalesce(sum(reasoning), 0), -coalesce(sum(audio_output), 0),
        -coalesce(sum(value_1), 0), -coalesce(sum(value_2), 0), -coalesce(sum(value_3), 0),
        -coalesce(sum(value_4), 0),
        -coalesce(sum(uncached_input_cost), 0), -coalesce(sum(cache_read_cost), 0),
        -coalesce(sum(cache_write_5m_cost), 0), -coalesce(sum(cache_write_1h_cost), 0),
        -coalesce(sum(audio_input_cost), 0), -coalesce(sum(image_input_cost), 0),
        -coalesce(sum(visible_output_cost), 0), -coalesce(sum(reasoning_cost), 0),
        -coalesce(sum(audio_output_cost), 0), -coalesce(sum(request_cost), 0)
    FROM metering_event JOIN made USING (key)
    GROUP BY series_id, day
)
SELECT key FROM made
