-- The usage of one customer per series: its days in order as a JSON array, each of them
-- [days since `start`, events, quantities, costs, uncosted events].
-- Merged sums and what is not merged yet in one snapshot; whoever reads it adds up rows of the same day. A zero is nothing, and
-- zeros behind the last digit are left out. One text per series costs a tenth of what as many rows with columns would.
WITH wanted AS MATERIALIZED (
    SELECT s.id, t.code, s.dimensions
    FROM metering_series s JOIN metering_eventtype t ON t.id = s.event_type_id
    WHERE s.customer_id = %(customer_id)s
),
days AS (
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
texts AS (
    SELECT series_id, '[' || string_agg(
        '[' || (day - %(start)s::date) || ',' || events || ',' ||
        '{' || concat_ws(',',
            '"uncached_input":' || nullif(uncached_input, 0),
            '"cache_read":' || nullif(cache_read, 0),
            '"cache_write_5m":' || nullif(cache_write_5m, 0),
            '"cache_write_1h":' || nullif(cache_write_1h, 0),
            '"audio_input":' || nullif(audio_input, 0),
            '"image_input":' || nullif(image_input, 0),
            '"visible_output":' || nullif(visible_output, 0),
            '"reasoning":' || nullif(reasoning, 0),
            '"audio_output":' || nullif(audio_output, 0),
            '"value_1":' || trim_scale(nullif(value_1, 0)),
            '"value_2":' || trim_scale(nullif(value_2, 0)),
            '"value_3":' || trim_scale(nullif(value_3, 0)),
            '"value_4":' || trim_scale(nullif(value_4, 0))
        ) || '}' || ',' ||
        '{' || concat_ws(',',
            '"uncached_input":' || trim_scale(nullif(uncached_input_cost, 0)),
            '"cache_read":' || trim_scale(nullif(cache_read_cost, 0)),
            '"cache_write_5m":' || trim_scale(nullif(cache_write_5m_cost, 0)),
            '"cache_write_1h":' || trim_scale(nullif(cache_write_1h_cost, 0)),
            '"audio_input":' || trim_scale(nullif(audio_input_cost, 0)),
            '"image_input":' || trim_scale(nullif(image_input_cost, 0)),
            '"visible_output":' || trim_scale(nullif(visible_output_cost, 0)),
            '"reasoning":' || trim_scale(nullif(reasoning_cost, 0)),
            '"audio_output":' || trim_scale(nullif(audio_output_cost, 0)),
            '"request":' || trim_scale(nullif(request_cost, 0))
        ) || '}' || ',' ||
        uncosted_events || ']',
        ',' ORDER BY day
    ) || ']' AS text
    FROM days
    GROUP BY series_id
)
SELECT series_id, code, dimensions, text FROM texts JOIN wanted ON wanted.id = series_id ORDER BY series_id
