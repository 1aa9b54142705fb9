-- The next events, by key, whose series follow a change of dimensions: those of its event type that are not invoiced.
SELECT e.key, e.series_id, e.day, e.batch_id, e.position, s.customer_id, s.dimensions::text
FROM metering_event e
JOIN metering_series s ON s.id = e.series_id
LEFT JOIN metering_dimensionchangestart f ON f.change_id = %(change_id)s::bigint AND f.customer_id = s.customer_id
WHERE e.key > %(after)s::uuid
    AND s.event_type_id = %(event_type_id)s::bigint
    AND (f.first_day IS NULL OR e.day >= f.first_day)
ORDER BY e.key
LIMIT %(limit)s::integer
