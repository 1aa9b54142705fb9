-- The calls of about a second, in their order.
INSERT INTO metering_apirequest (
    api_key_id, sent_key, at, method, path, dialect, status, accepted, duplicates, rejected, code, message, duration_us,
    body_bytes
)
SELECT * FROM unnest(
    %(api_key_id)s::bigint[], %(sent_key)s::text[], %(at)s::timestamptz[], %(method)s::text[], %(path)s::text[],
    %(dialect)s::text[], %(status)s::smallint[], %(accepted)s::int[], %(duplicates)s::int[], %(rejected)s::int[],
    %(code)s::text[], %(message)s::text[], %(duration_us)s::int[], %(body_bytes)s::bigint[]
)
