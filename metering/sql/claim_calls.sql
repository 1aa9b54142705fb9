-- Notes which event reported a call of a model, for calls that none did so far; one whose event was voided since is free
-- again. In order, so that two requests with the same calls wait for each other instead of deadlocking.
INSERT INTO metering_reportedcall AS known (call, key, source)
SELECT call, key, %(source)s::text FROM unnest(%(call)s::uuid[], %(key)s::uuid[]) AS t (call, key) ORDER BY call
ON CONFLICT (call) DO UPDATE SET key = excluded.key, source = excluded.source
    WHERE EXISTS (SELECT FROM metering_eventcorrection c WHERE c.key = known.key)
