-- Gives events a value that their type did not name when they came, and adds it to their days. One that has the value, or
-- is voided, is left alone; the events are locked before (lock_events), so that neither can be missed.
WITH sent AS (
    SELECT * FROM unnest(
        %(key)s::uuid[], %(value_1)s::numeric[], %(value_2)s::numeric[], %(value_3)s::numeric[], %(value_4)s::numeric[]
    ) AS t (key, value_1, value_2, value_3, value_4)
),
filled AS (
    UPDATE metering_event AS e SET
        value_1 = coalesce(e.value_1, sent.value_1),
        value_2 = coalesce(e.value_2, sent.value_2),
        value_3 = coalesce(e.value_3, sent.value_3),
        value_4 = coalesce(e.value_4, sent.value_4)
    FROM sent
    WHERE e.key = sent.key AND NOT EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = e.key)
    RETURNING e.key, e.series_id, e.day
),
deltas AS (
    INSERT INTO metering_usagedelta (
        series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
    -- The rows of the event table are those of before the update: what they had already was counted already.
    SELECT
        f.series_id, f.day, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        coalesce(sum(sent.value_1) FILTER (WHERE e.value_1 IS NULL), 0),
        coalesce(sum(sent.value_2) FILTER (WHERE e.value_2 IS NULL), 0),
        coalesce(sum(sent.value_3) FILTER (WHERE e.value_3 IS NULL), 0),
        coalesce(sum(sent.value_4) FILTER (WHERE e.value_4 IS NULL), 0),
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM filled f JOIN sent USING (key) JOIN metering_event e USING (key)
    GROUP BY f.series_id, f.day
)
SELECT count(*) FROM filled
