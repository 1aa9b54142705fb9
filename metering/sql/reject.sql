-- Keeps rejected events; one that comes again is counted on the row that is there. A row whose event was accepted
-- in the meantime opens again, a dismissed one stays dismissed.
INSERT INTO metering_rejectedevent AS kept (
    digest, status, code, field, message, source, customer_ref, event_id, payload, api_key_id,
    times_seen, first_seen_at, last_seen_at
)
SELECT
    digest, 'open', code, field, message, %(source)s::text, customer_ref, event_id, payload, %(api_key_id)s::bigint,
    times, %(received_at)s::timestamptz, %(received_at)s::timestamptz
FROM unnest(
    %(digest)s::uuid[], %(code)s::text[], %(field)s::text[], %(message)s::text[], %(customer_ref)s::text[],
    %(event_id)s::text[], %(payload)s::jsonb[], %(times)s::int[]
) AS t (digest, code, field, message, customer_ref, event_id, payload, times)
ORDER BY digest
ON CONFLICT (digest) DO UPDATE SET
    times_seen = kept.times_seen + excluded.times_seen,
    last_seen_at = excluded.last_seen_at,
    message = excluded.message,
    status = CASE WHEN kept.status = 'accepted' THEN 'open' ELSE kept.status END,
    resolved_at = CASE WHEN kept.status = 'accepted' THEN NULL ELSE kept.resolved_at END
