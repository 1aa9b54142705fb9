-- Part of ingest_new.sql for requests with events whose ids are claimed afterwards (metering.services.claim_identities).
, unclaimed AS (
    INSERT INTO metering_unclaimedevents (received_at, keys)
    SELECT %(received_at)s::timestamptz, %(unclaimed)s::uuid[] FROM batch
)
