-- An identity is what an event's key has beside its time, so that it can be found from the key alone.
UPDATE metering_eventidentity
SET identity = ('00000000' || right(replace(key::text, '-', ''), 24))::uuid;

-- Claims are forgotten by the time of their events. They are added nearly in that order, so this index is tiny.
CREATE INDEX metering_eventidentity_key ON metering_eventidentity USING brin (key);

-- What events are prepared by has changed. The lock waits until all usage that was prepared before is committed, and
-- holds back what comes meanwhile; that then sees the new row, and is prepared again (metering/sql/ingest.sql). So from
-- the commit on, no event is written that was prepared by what held before. The lock lets tables be read and dumped.
CREATE OR REPLACE FUNCTION metering_ingestion_changed(reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE metering_eventbatch IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO metering_ingestionchange (reason, made_at) VALUES (reason, clock_timestamp());
END;
$$;
