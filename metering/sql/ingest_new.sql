-- Writes what belongs to the events of a request that are all new, before they are copied into their table in the same
-- transaction: the request itself, and what it adds to the days of its series. Returns the id of the batch; nothing is
-- written and no row returned when what events are prepared by has changed (metering_ingestion_changed): the tables
-- are locked before this statement sees the rows of others, so it can't miss a change that it has waited for.
-- In place of <<names>> and <<arrays>> stand the columns of sums that the request has; the <<other_names>> are 0.
WITH batch AS (
    INSERT INTO metering_eventbatch (received_at, source, api_key_id, count, payload)
    SELECT %(received_at)s::timestamptz, %(source)s::text, %(api_key_id)s::bigint, %(count)s::int, %(payload)s::bytea
    WHERE %(generation)s::bigint = (SELECT coalesce(max(id), 0) FROM metering_ingestionchange)
    RETURNING id
),
deltas AS (
    INSERT INTO metering_usagedelta (<<names>><<other_names>>)
    SELECT t.*<<zeros>> FROM batch CROSS JOIN unnest(<<arrays>>) AS t
)
-- part: ingest_new_unclaimed
SELECT id FROM batch
