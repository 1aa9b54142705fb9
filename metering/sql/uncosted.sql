-- The models of calls without a cost rate, with the usage of the series and days on which there are such calls.
WITH parts AS (
    SELECT series_id, day, uncosted_events, uncached_input + cache_read + cache_write_5m + cache_write_1h + audio_input
        + image_input + visible_output + reasoning + audio_output AS tokens
    FROM metering_usageday WHERE uncosted_events > 0
    UNION ALL
    SELECT series_id, day, uncosted_events, uncached_input + cache_read + cache_write_5m + cache_write_1h + audio_input
        + image_input + visible_output + reasoning + audio_output
    FROM metering_usagedelta WHERE uncosted_events <> 0
),
days AS (
    SELECT series_id, day, sum(uncosted_events) AS events, sum(tokens) AS tokens
    FROM parts GROUP BY series_id, day HAVING sum(uncosted_events) > 0
)
SELECT coalesce(s.dimensions ->> 'provider', '') AS provider, coalesce(s.dimensions ->> 'model', '') AS model,
    sum(events)::bigint, min(day), max(day), sum(tokens), array_agg(DISTINCT series_id)
FROM days JOIN metering_series s ON s.id = series_id
GROUP BY 1, 2
ORDER BY 3 DESC, 1, 2
