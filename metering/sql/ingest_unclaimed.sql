-- Part of ingest.sql for requests with events whose ids are claimed afterwards (metering.services.audit_identities).
, unclaimed AS (
    INSERT INTO metering_unclaimedevents (received_at, keys)
    SELECT %(received_at)s::timestamptz, array_agg(key)
    FROM written
    -- part: ingest_strict_rest
    HAVING count(*) > 0
)
