-- Of events that were sent and not written, those that are there: under the same key, or, for an id that was claimed for
-- all times, under another one.
SELECT s.key, e.body, e.batch_id, e.position
FROM unnest(%(key)s::uuid[], %(identity)s::uuid[]) AS s (key, identity)
LEFT JOIN metering_eventidentity i ON i.identity = s.identity
JOIN metering_event e ON e.key = coalesce(i.key, s.key)
