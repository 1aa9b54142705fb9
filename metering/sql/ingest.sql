-- Writes the events of one request that were never seen before: one statement, so that an event, its identity and its
-- usage exist together or not at all. Returns the identities that are new; the others were accepted earlier.
-- Identities go in in order, so that two requests with the same events wait for each other instead of deadlocking.
-- Nothing is written and no row returned when what events are prepared by has changed (metering_ingestion_changed):
-- the tables are locked before this statement sees the rows of others, so it can't miss a change that it has waited for.
WITH current AS (
    SELECT WHERE %(generation)s::bigint = (SELECT coalesce(max(id), 0) FROM metering_ingestionchange)
),
sent AS (
    SELECT t.* FROM current CROSS JOIN unnest(
        %(identity)s::uuid[], %(body)s::bigint[], %(key)s::uuid[], %(occurred_at)s::timestamptz[], %(day)s::date[],
        %(series_id)s::int[], %(position)s::int[], %(cost_state)s::smallint[],
        %(uncached_input)s::bigint[], %(cache_read)s::bigint[], %(cache_write_5m)s::bigint[],
        %(cache_write_1h)s::bigint[], %(audio_input)s::bigint[], %(image_input)s::bigint[],
        %(visible_output)s::bigint[], %(reasoning)s::bigint[], %(audio_output)s::bigint[],
        %(value_1)s::numeric[], %(value_2)s::numeric[], %(value_3)s::numeric[], %(value_4)s::numeric[],
        %(uncached_input_cost)s::numeric[], %(cache_read_cost)s::numeric[], %(cache_write_5m_cost)s::numeric[],
        %(cache_write_1h_cost)s::numeric[], %(audio_input_cost)s::numeric[], %(image_input_cost)s::numeric[],
        %(visible_output_cost)s::numeric[], %(reasoning_cost)s::numeric[], %(audio_output_cost)s::numeric[],
        %(request_cost)s::numeric[]
    ) AS t (
        identity, body, key, occurred_at, day, series_id, position, cost_state,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
),
fresh AS (
    INSERT INTO metering_eventidentity (identity, body, key)
    SELECT identity, body, key FROM sent ORDER BY identity
    ON CONFLICT (identity) DO NOTHING
    RETURNING identity
),
batch AS (
    INSERT INTO metering_eventbatch (received_at, source, api_key_id, count, payload)
    SELECT %(received_at)s::timestamptz, %(source)s::text, %(api_key_id)s::bigint, %(count)s::int, %(payload)s::bytea
    WHERE EXISTS (SELECT FROM fresh)
    RETURNING id
),
written AS (
    INSERT INTO metering_event (
        key, occurred_at, day, series_id, batch_id, position, cost_state,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    )
    SELECT
        key, occurred_at, day, series_id, batch.id, position, cost_state,
        uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input,
        visible_output, reasoning, audio_output, value_1, value_2, value_3, value_4,
        uncached_input_cost, cache_read_cost, cache_write_5m_cost, cache_write_1h_cost, audio_input_cost,
        image_input_cost, visible_output_cost, reasoning_cost, audio_output_cost, request_cost
    FROM sent JOIN fresh USING (identity) CROSS JOIN batch
    ORDER BY key
    RETURNING *
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
        series_id, day, count(*), count(*) FILTER (WHERE cost_state = 2),
        coalesce(sum(uncached_input), 0), coalesce(sum(cache_read), 0), coalesce(sum(cache_write_5m), 0),
        coalesce(sum(cache_write_1h), 0), coalesce(sum(audio_input), 0), coalesce(sum(image_input), 0),
        coalesce(sum(visible_output), 0), coalesce(sum(reasoning), 0), coalesce(sum(audio_output), 0),
        coalesce(sum(value_1), 0), coalesce(sum(value_2), 0), coalesce(sum(value_3), 0), coalesce(sum(value_4), 0),
        coalesce(sum(uncached_input_cost), 0), coalesce(sum(cache_read_cost), 0),
        coalesce(sum(cache_write_5m_cost), 0), coalesce(sum(cache_write_1h_cost), 0),
        coalesce(sum(audio_input_cost), 0), coalesce(sum(image_input_cost), 0),
        coalesce(sum(visible_output_cost), 0), coalesce(sum(reasoning_cost), 0),
        coalesce(sum(audio_output_cost), 0), coalesce(sum(request_cost), 0)
    FROM written
    GROUP BY series_id, day
)
-- part: ingest_stats
SELECT NULL::uuid AS identity FROM current UNION ALL SELECT identity FROM fresh
