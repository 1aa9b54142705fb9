-- Settles open rejections of events that were counted since, known by their ids. Routes by which events of several
-- sources come keep the source in the payload; an id is unique within one.
UPDATE metering_rejectedevent AS kept SET
    status = 'accepted',
    resolved_at = %(now)s::timestamptz,
    resolved_reason = %(reason)s::text
FROM unnest(%(event_id)s::text[], %(customer)s::text[], %(event_source)s::text[]) AS sent (event_id, customer, source)
WHERE
    kept.status = 'open'
    AND kept.source = %(source)s::text
    AND kept.event_id <> ''
    AND kept.event_id = sent.event_id
    AND kept.code <> ALL (%(unsettled)s::text[])
    AND coalesce(kept.payload ->> 'source', sent.source) = sent.source
    AND (
        kept.customer_ref IN (sent.customer, '')
        OR NOT EXISTS (SELECT FROM customers_customer AS c WHERE c.external_id = kept.customer_ref)
    )
RETURNING kept.id
