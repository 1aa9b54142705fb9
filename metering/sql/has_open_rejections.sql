-- Whether events that came by a route are open among the rejected ones, under ids by which they would be sent again.
SELECT EXISTS (
    SELECT FROM metering_rejectedevent WHERE status = 'open' AND event_id <> '' AND source = %(source)s::text
)
