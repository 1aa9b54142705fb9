-- Part of ingest.sql for requests with events that claim their id for every time at once.
claimed AS (
    INSERT INTO metering_eventidentity (identity, key)
    SELECT identity, key FROM sent WHERE claims = 1 ORDER BY identity
    ON CONFLICT (identity) DO NOTHING
    RETURNING key
),
