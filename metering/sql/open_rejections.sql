-- The ids of events that came by a route and are open among the rejected ones.
SELECT DISTINCT event_id FROM metering_rejectedevent
WHERE status = 'open' AND event_id <> '' AND source = %(source)s::text
LIMIT %(limit)s::int
