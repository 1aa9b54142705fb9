-- The usage of one customer per series and local day: the merged sums and what is not merged yet, in one snapshot.
WITH wanted AS (
    SELECT s.id, t.code, s.dimensions
    FROM metering_series s JOIN metering_eventtype t ON t.id = s.event_type_id
    WHERE s.customer_id = %(customer_id)s
),
parts AS (
    SELECT series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    FROM metering_usageday
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
    UNION ALL
    SELECT series_id, day, events, uncosted_events,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    FROM metering_usagedelta
    WHERE series_id IN (SELECT id FROM wanted) AND day >= %(start)s AND day < %(end)s
),
sums AS (
    SELECT series_id, day, sum(events)::bigint AS events, sum(uncosted_events)::bigint AS uncosted_events,
        sum(uncached_input) AS uncached_input, sum(cache_read) AS cache_read, sum(cache_write_5m) AS cache_write_5m,
        sum(cache_write_1h) AS cache_write_1h, sum(audio_input) AS audio_input, sum(image_input) AS image_input,
        sum(visible_output) AS visible_output, sum(reasoning) AS reasoning, sum(audio_output) AS audio_output,
        sum(value_1) AS value_1, sum(value_2) AS value_2, sum(value_3) AS value_3, sum(value_4) AS value_4,
        sum(uncached_input_cost) AS uncached_input_cost, sum(cache_read_cost) AS cache_read_cost,
        sum(cache_write_5m_cost) AS cache_write_5m_cost, sum(cache_write_1h_cost) AS cache_write_1h_cost,
        sum(audio_input_cost) AS audio_input_cost, sum(image_input_cost) AS image_input_cost,
        sum(visible_output_cost) AS visible_output_cost, sum(reasoning_cost) AS reasoning_cost,
        sum(audio_output_cost) AS audio_output_cost, sum(request_cost) AS request_cost
    FROM parts
    GROUP BY series_id, day
)
SELECT series_id, code, dimensions, day, events, uncosted_events,
    uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
    visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
    uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
    image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
FROM sums JOIN wanted ON wanted.id = series_id
ORDER BY series_id, day
