-- Settles open rejections of events that were counted since, known by their ids.
UPDATE metering_rejectedevent AS kept SET
    status = 'accepted',
    resolved_at = %(now)s::timestamptz,
    resolved_reason = 'Its client sent it again.'
FROM unnest(%(event_id)s::text[], %(customer)s::text[]) AS sent (event_id, customer)
WHERE
    kept.status = 'open'
    AND kept.source = %(source)s::text
    AND kept.event_id <> ''
    AND kept.event_id = sent.event_id
    AND kept.code <> ALL (%(unsettled)s::text[])
    AND (
        kept.customer_ref IN (sent.customer, '')
        OR NOT EXISTS (SELECT FROM customers_customer AS c WHERE c.external_id = kept.customer_ref)
    )
RETURNING kept.id
