-- The batches that became visible after a snapshot was taken, each once: not those above an id, as a batch with a lower id
-- may be committed later. `xmin` is the transaction that wrote a row, without its upper half, which is that of the newest
-- one or one less. (A row written inside a savepoint has a number of its own, which a snapshot doesn't list: only then can
-- a batch that is committed late be missed.) Of more events than are wanted only those of the newest batches; the first row counts them all, and
-- has the snapshot and id from which to go on.
WITH moment AS MATERIALIZED (
    SELECT pg_current_snapshot() AS snapshot, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS newest,
        (SELECT coalesce(max(id), 0) FROM metering_eventbatch) AS last_id
),
fresh AS (
    SELECT b.id, b.count, sum(b.count) OVER (ORDER BY b.id DESC) AS running
    FROM metering_eventbatch b CROSS JOIN moment
    WHERE b.id > greatest(%(floor)s::bigint, moment.last_id - %(look_back)s::bigint)
        AND NOT pg_visible_in_snapshot(
            (moment.newest - ((moment.newest - b.xmin::text::bigint) & 4294967295))::text::xid8,
            %(snapshot)s::pg_snapshot
        )
)
SELECT last_id AS id, NULL::timestamptz AS received_at, snapshot::text AS source,
    (SELECT coalesce(sum(count), 0) FROM fresh)::bigint AS count, NULL::bytea AS payload
FROM moment
UNION ALL
(
    SELECT b.id, b.received_at, b.source, b.count, b.payload
    FROM fresh JOIN metering_eventbatch b USING (id)
    WHERE fresh.running - fresh.count < %(events)s::bigint
    ORDER BY b.id
)
