DROP INDEX metering_eventidentity_key;

-- What events are prepared by has changed. The lock waits until all usage that was prepared before is committed, and
-- holds back what comes meanwhile; that then sees the new row, and is prepared again (metering/sql/ingest.sql). So from
-- the commit on, no event is written that was prepared by what held before. The lock lets tables be read and dumped.
CREATE OR REPLACE FUNCTION metering_ingestion_changed(reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE metering_eventidentity IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO metering_ingestionchange (reason, made_at) VALUES (reason, clock_timestamp());
END;
$$;
