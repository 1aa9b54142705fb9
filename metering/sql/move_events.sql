-- Moves events to another series, another local day, or both, and their sums with them: the place that they leave gets them
-- negative, the other gets them positive, in the statement that changes the events. Where only the one is said the other
-- stays. An event that is no longer at the place that was read is left alone; one whose cost is filled in at this moment
-- moves with that cost. A voided one moves without sums: it has none. The events are locked before (lock_events), so that
-- no voiding can be missed.
WITH sent AS (
    SELECT * FROM unnest(
        %(key)s::uuid[], %(old_series)s::integer[], %(new_series)s::integer[], %(old_day)s::date[], %(new_day)s::date[]
    ) AS t (key, old_series, new_series, old_day, new_day)
),
moved AS (
    UPDATE metering_event AS e SET
        series_id = coalesce(sent.new_series, e.series_id),
        day = coalesce(sent.new_day, e.day)
    FROM sent
    WHERE e.key = sent.key
        AND e.series_id = coalesce(sent.old_series, e.series_id) AND e.day = coalesce(sent.old_day, e.day)
    RETURNING e.*, coalesce(sent.old_series, e.series_id) AS old_series, coalesce(sent.old_day, e.day) AS old_day
),
counting AS (
    SELECT * FROM moved WHERE NOT EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = moved.key)
),
sides AS (
    SELECT counting.*, old_series AS of_series, old_day AS on_day, -1 AS sign FROM counting
    UNION ALL
    SELECT counting.*, series_id AS of_series, day AS on_day, 1 AS sign FROM counting
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
        of_series, on_day, sum(sign), coalesce(sum(sign) FILTER (WHERE cost_state = 2), 0),
        coalesce(sum(sign * uncached_input), 0), coalesce(sum(sign * cache_read), 0),
        coalesce(sum(sign * cache_write_5m), 0), coalesce(sum(sign * cache_write_1h), 0),
        coalesce(sum(sign * audio_input), 0), coalesce(sum(sign * image_input), 0),
        coalesce(sum(sign * visible_output), 0), coalesce(sum(sign * reasoning), 0),
        coalesce(sum(sign * audio_output), 0),
        coalesce(sum(sign * value_1), 0), coalesce(sum(sign * value_2), 0), coalesce(sum(sign * value_3), 0),
        coalesce(sum(sign * value_4), 0),
        coalesce(sum(sign * uncached_input_cost), 0), coalesce(sum(sign * cache_read_cost), 0),
        coalesce(sum(sign * cache_write_5m_cost), 0), coalesce(sum(sign * cache_write_1h_cost), 0),
        coalesce(sum(sign * audio_input_cost), 0), coalesce(sum(sign * image_input_cost), 0),
        coalesce(sum(sign * visible_output_cost), 0), coalesce(sum(sign * reasoning_cost), 0),
        coalesce(sum(sign * audio_output_cost), 0), coalesce(sum(sign * request_cost), 0)
    FROM sides
    GROUP BY of_series, on_day
)
SELECT count(*) FROM moved
