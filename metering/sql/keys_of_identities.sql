-- The events that have these ids: those that claimed them, and of requests whose ids are not claimed yet the first.
SELECT DISTINCT ON (identity) identity, key FROM (
    SELECT identity, key, 0 AS request FROM metering_eventidentity WHERE identity = ANY (%(identity)s::uuid[])
    UNION ALL
    SELECT s.identity, k.key, u.id
    FROM metering_unclaimedevents u CROSS JOIN unnest(u.keys) AS k (key)
    JOIN unnest(%(identity)s::uuid[]) AS s (identity) ON substr(k.key::text, 9) = substr(s.identity::text, 9)
) AS found
ORDER BY identity, request, key
