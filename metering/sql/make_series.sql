-- Makes series, in a transaction that keeps others from making any of the same customers (lock_series).
INSERT INTO metering_series (digest, customer_id, event_type_id, dimensions, created_at)
SELECT digest, customer_id, event_type_id, dimensions, now()
FROM unnest(%(digest)s::uuid[], %(customer_id)s::bigint[], %(event_type_id)s::bigint[], %(dimensions)s::jsonb[])
    AS t (digest, customer_id, event_type_id, dimensions)
RETURNING digest, id
