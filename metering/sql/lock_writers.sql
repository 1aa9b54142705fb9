-- The lock that writers of events hold: what events are prepared by, and which statistics meters need, doesn't change
-- until the end of the transaction (metering_ingestion_changed waits).
LOCK TABLE metering_eventbatch IN ROW EXCLUSIVE MODE
