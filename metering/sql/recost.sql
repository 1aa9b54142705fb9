-- Fills in the cost of events that had no rate, and adds what that changes to their days. An event that was costed or
-- voided in the meantime is left alone; the events are locked before (lock_events), so that neither can be missed.
WITH sent AS (
    SELECT * FROM unnest(
        %(key)s::uuid[],
        %(uncached_input_cost)s::numeric[], %(cache_read_cost)s::numeric[], %(cache_write_5m_cost)s::numeric[],
        %(cache_write_1h_cost)s::numeric[], %(audio_input_cost)s::numeric[], %(image_input_cost)s::numeric[],
        %(visible_output_cost)s::numeric[], %(reasoning_cost)s::numeric[], %(audio_output_cost)s::numeric[],
        %(request_cost)s::numeric[]
    ) AS t (
        key, uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
),
costed AS (
    UPDATE metering_event AS e SET
        cost_state = 1,
        uncached_input_cost = sent.uncached_input_cost,
        cache_read_cost = sent.cache_read_cost,
        cache_write_5m_cost = sent.cache_write_5m_cost,
        cache_write_1h_cost = sent.cache_write_1h_cost,
        audio_input_cost = sent.audio_input_cost,
        image_input_cost = sent.image_input_cost,
        visible_output_cost = sent.visible_output_cost,
        reasoning_cost = sent.reasoning_cost,
        audio_output_cost = sent.audio_output_cost,
        request_cost = sent.request_cost
    FROM sent
    WHERE e.key = sent.key AND e.cost_state = 2
        AND NOT EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = e.key)
    RETURNING e.*
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
        series_id, day, 0, -count(*), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        coalesce(sum(uncached_input_cost), 0), coalesce(sum(cache_read_cost), 0),
        coalesce(sum(cache_write_5m_cost), 0), coalesce(sum(cache_write_1h_cost), 0),
        coalesce(sum(audio_input_cost), 0), coalesce(sum(image_input_cost), 0),
        coalesce(sum(visible_output_cost), 0), coalesce(sum(reasoning_cost), 0),
        coalesce(sum(audio_output_cost), 0), coalesce(sum(request_cost), 0)
    FROM costed
    GROUP BY series_id, day
)
SELECT count(*) FROM costed
