-- Adds unmerged usage to its days. Rows that another merger holds are skipped; a merger that dies leaves all its rows.
-- Days are written in order, so that two mergers wait for each other instead of deadlocking.
WITH taken AS (
    DELETE FROM metering_usagedelta
    WHERE id = ANY (ARRAY(
        SELECT id FROM metering_usagedelta ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING *
),
merged AS (
    INSERT INTO metering_usageday AS stored (
        series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
    SELECT
        series_id, day, sum(events), sum(uncosted_events),
        sum(uncached_input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_input),
        sum(image_input), sum(visible_output), sum(reasoning), sum(audio_output),
        sum(value_1), sum(value_2), sum(value_3), sum(value_4),
        sum(uncached_input_cost), sum(cache_read_cost), sum(cache_write_5m_cost), sum(cache_write_1h_cost),
        sum(audio_input_cost), sum(image_input_cost), sum(visible_output_cost), sum(reasoning_cost),
        sum(audio_output_cost), sum(request_cost)
    FROM taken
    GROUP BY series_id, day
    ORDER BY series_id, day
    ON CONFLICT (series_id, day) DO UPDATE SET
        events = stored.events + excluded.events,
        uncosted_events = stored.uncosted_events + excluded.uncosted_events,
        uncached_input = stored.uncached_input + excluded.uncached_input,
        cache_read = stored.cache_read + excluded.cache_read,
        cache_write_5m = stored.cache_write_5m + excluded.cache_write_5m,
        cache_write_1h = stored.cache_write_1h + excluded.cache_write_1h,
        audio_input = stored.audio_input + excluded.audio_input,
        image_input = stored.image_input + excluded.image_input,
        visible_output = stored.visible_output + excluded.visible_output,
        reasoning = stored.reasoning + excluded.reasoning,
        audio_output = stored.audio_output + excluded.audio_output,
        value_1 = stored.value_1 + excluded.value_1,
        value_2 = stored.value_2 + excluded.value_2,
        value_3 = stored.value_3 + excluded.value_3,
        value_4 = stored.value_4 + excluded.value_4,
        uncached_input_cost = stored.uncached_input_cost + excluded.uncached_input_cost,
        cache_read_cost = stored.cache_read_cost + excluded.cache_read_cost,
        cache_write_5m_cost = stored.cache_write_5m_cost + excluded.cache_write_5m_cost,
        cache_write_1h_cost = stored.cache_write_1h_cost + excluded.cache_write_1h_cost,
        audio_input_cost = stored.audio_input_cost + excluded.audio_input_cost,
        image_input_cost = stored.image_input_cost + excluded.image_input_cost,
        visible_output_cost = stored.visible_output_cost + excluded.visible_output_cost,
        reasoning_cost = stored.reasoning_cost + excluded.reasoning_cost,
        audio_output_cost = stored.audio_output_cost + excluded.audio_output_cost,
        request_cost = stored.request_cost + excluded.request_cost
)
SELECT count(*) FROM taken
