-- Part of statements that answer a usage query: the series that are asked for with the values they are grouped by; each
-- customer's windows in order, which tile the time that is asked for, with the local days that lie wholly in each; and the
-- events of the edges, in which no whole day lies. Keys narrow the edges down to parts of the event table.
wanted AS MATERIALIZED (
    SELECT s.id, s.customer_id, ARRAY(
        SELECT coalesce(s.dimensions ->> d.name, '') COLLATE "C"
        FROM unnest(%(group_by)s::text[]) WITH ORDINALITY AS d (name, place) ORDER BY d.place
    ) AS grouped
    FROM metering_series s
    WHERE s.event_type_id = %(event_type_id)s::bigint AND s.customer_id = ANY (%(customers)s::bigint[])
        AND NOT EXISTS (
            SELECT FROM jsonb_each(%(filters)s::jsonb) AS f (name, allowed)
            WHERE NOT f.allowed ? coalesce(s.dimensions ->> f.name, '')
        )
),
windows AS MATERIALIZED (
    SELECT customer_id, array_agg(start ORDER BY start) AS starts,
        array_agg(first_day ORDER BY start) AS first_days, array_agg(last_day ORDER BY start) AS last_days
    FROM unnest(
        %(window_customer)s::bigint[], %(window_start)s::timestamptz[],
        %(window_first_day)s::date[], %(window_last_day)s::date[]
    ) AS w (customer_id, start, first_day, last_day)
    GROUP BY customer_id
),
spans AS MATERIALIZED (
    SELECT * FROM unnest(
        %(edge_customer)s::bigint[], %(edge_start)s::timestamptz[], %(edge_end)s::timestamptz[]
    ) AS s (customer_id, starts_at, ends_at)
),
edges AS (
    SELECT wanted.customer_id, width_bucket(e.occurred_at, windows.starts) AS place, wanted.grouped, e.*
    FROM unnest(%(first_key)s::uuid[], %(last_key)s::uuid[]) AS k (first, last)
    JOIN metering_event e ON e.key >= k.first AND e.key < k.last
    JOIN wanted ON wanted.id = e.series_id
    JOIN windows ON windows.customer_id = wanted.customer_id
    JOIN spans ON spans.customer_id = wanted.customer_id
        AND e.occurred_at >= spans.starts_at AND e.occurred_at < spans.ends_at
    -- Rollups don't have the voided ones any more.
    WHERE NOT EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = e.key)
)
