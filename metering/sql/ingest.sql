-- Writes the events of one request that were never seen before: one statement, so that an event and its usage exist
-- together or not at all. Returns the positions of those that are new; the others were accepted earlier.
-- Keys go in in order, so that two requests with the same events wait for each other instead of deadlocking.
-- Nothing is written and no row returned when what events are prepared by has changed (metering_ingestion_changed):
-- the tables are locked before this statement sees the rows of others, so it can't miss a change that it has waited for.
-- In place of <<arrays>> and <<names>> stand the measures and costs that any event of the request has; <<sums>> are 0 for
-- the others of <<all_names>>.
WITH current AS (
    SELECT WHERE %(generation)s::bigint = (SELECT coalesce(max(id), 0) FROM metering_ingestionchange)
),
sent AS (
    SELECT t.*, t.ordinality - 1 AS position FROM current CROSS JOIN unnest(
        %(key)s::uuid[], %(body)s::int[], %(occurred_at)s::timestamptz[], %(day)s::date[], %(series_id)s::int[],
        %(cost_state)s::smallint[]<<arrays>>
        -- part: ingest_strict_arrays
    ) WITH ORDINALITY AS t (
        key, body, occurred_at, day, series_id, cost_state<<names>>,
        -- part: ingest_strict_names
        ordinality
    )
),
-- part: ingest_strict
chosen AS (
    SELECT nextval('metering_eventbatch_id_seq') AS id
),
written AS (
    INSERT INTO metering_event (key, body, occurred_at, day, series_id, batch_id, position, cost_state<<names>>)
    SELECT key, body, occurred_at, day, series_id, chosen.id, position, cost_state<<names>>
    FROM sent CROSS JOIN chosen
    -- part: ingest_strict_only
    ORDER BY key
    ON CONFLICT DO NOTHING
    RETURNING key, occurred_at, day, series_id, position, cost_state<<names>>
),
batch AS (
    INSERT INTO metering_eventbatch (id, received_at, source, api_key_id, count, payload)
    SELECT id, %(received_at)s::timestamptz, %(source)s::text, %(api_key_id)s::bigint, %(count)s::int,
        %(payload)s::bytea
    FROM chosen
    WHERE EXISTS (SELECT FROM written)
),
deltas AS (
    INSERT INTO metering_usagedelta (series_id, day, events, uncosted_events<<all_names>>)
    SELECT series_id, day, count(*), count(*) FILTER (WHERE cost_state = 2)<<sums>>
    FROM written
    GROUP BY series_id, day
)
-- part: ingest_unclaimed
-- part: ingest_stats
SELECT NULL::int AS position FROM current UNION ALL SELECT position FROM written
