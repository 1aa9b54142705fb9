-- What some events add up to, per series and local day.
SELECT
    series_id, day, count(*), count(*) FILTER (WHERE cost_state = 2),
    ARRAY[
        coalesce(sum(uncached_input), 0), coalesce(sum(cache_read), 0), coalesce(sum(cache_write_5m), 0),
        coalesce(sum(cache_write_1h), 0), coalesce(sum(audio_input), 0), coalesce(sum(image_input), 0),
        coalesce(sum(visible_output), 0), coalesce(sum(reasoning), 0), coalesce(sum(audio_output), 0),
        coalesce(sum(value_1), 0), coalesce(sum(value_2), 0), coalesce(sum(value_3), 0), coalesce(sum(value_4), 0)
    ],
    coalesce(sum(
        coalesce(uncached_input_cost, 0) + coalesce(cache_read_cost, 0) + coalesce(cache_write_5m_cost, 0)
        + coalesce(cache_write_1h_cost, 0) + coalesce(audio_input_cost, 0) + coalesce(image_input_cost, 0)
        + coalesce(visible_output_cost, 0) + coalesce(reasoning_cost, 0) + coalesce(audio_output_cost, 0)
        + coalesce(request_cost, 0)
    ), 0)
FROM metering_event
WHERE key = ANY (%(key)s::uuid[])
GROUP BY series_id, day
ORDER BY series_id, day
