-- What events are prepared by has changed. The lock waits until all usage that was prepared before is committed, and
-- holds back what comes meanwhile; that then sees the new row, and is prepared again (metering/sql/ingest.sql). So from
-- the commit on, no event is written that was prepared by what held before. The lock lets tables be read and dumped.
CREATE FUNCTION metering_ingestion_changed(reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE metering_eventidentity IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO metering_ingestionchange (reason, made_at) VALUES (reason, clock_timestamp());
END;
$$;

-- A meter that needs more than sums: events must bring it from now on, and the history is to be counted. Done here so
-- that it holds whoever writes the meter.
CREATE FUNCTION metering_meter_needs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.aggregation IN ('sum', 'count') AND NOT NEW.keep_amounts THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE'
        AND (NEW.event_type_id, NEW.aggregation, NEW.value_property, NEW.keep_amounts)
            = (OLD.event_type_id, OLD.aggregation, OLD.value_property, OLD.keep_amounts)
    THEN
        RETURN NULL;
    END IF;
    PERFORM metering_ingestion_changed('meter ' || NEW.code);
    INSERT INTO metering_usagerebuild (event_type_id, requested_at) VALUES (NEW.event_type_id, clock_timestamp());
    RETURN NULL;
END;
$$;

CREATE TRIGGER metering_meter_needs AFTER INSERT OR UPDATE ON metering_meter
    FOR EACH ROW EXECUTE FUNCTION metering_meter_needs();

CREATE FUNCTION metering_timezone_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM metering_ingestion_changed('time zone of customer ' || NEW.customer_id);
    RETURN NULL;
END;
$$;

CREATE TRIGGER metering_timezone_changed AFTER INSERT ON metering_timezonechange
    FOR EACH ROW EXECUTE FUNCTION metering_timezone_changed();

-- The days of usage follow from these rows: only that the move was finished may be noted on one.
CREATE FUNCTION metering_timezonechange_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'moved_at' = to_jsonb(OLD) - 'moved_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % can''t be changed or deleted: the table is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Add a new row instead.';
END;
$$;

CREATE TRIGGER metering_timezonechange_append_only BEFORE UPDATE OR DELETE ON metering_timezonechange
    FOR EACH ROW EXECUTE FUNCTION metering_timezonechange_guard();

-- Events are facts: never changed, never deleted. The exceptions are the cost of a call that had no rate (cost_state 2),
-- which may be filled in once (1) when the cost book has learned it; and the local day, which follows from the
-- instant and the customer's time zone, while metering.services.change_timezone moves it.
CREATE OR REPLACE FUNCTION metering_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cost_columns constant text[] := ARRAY['cost_state', 'uncached_input_cost', 'cache_read_cost', 'cache_write_5m_cost', 'cache_write_1h_cost', 'audio_input_cost', 'image_input_cost', 'visible_output_cost', 'reasoning_cost', 'audio_output_cost', 'request_cost'];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.cost_state = 2 AND NEW.cost_state = 1
        AND to_jsonb(NEW) - cost_columns = to_jsonb(OLD) - cost_columns
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('amberflow.moving_days', true) = 'on'
        AND to_jsonb(NEW) - 'day' = to_jsonb(OLD) - 'day'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'event % can''t be changed or deleted: events are append-only', OLD.key
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Correct it by a new event.';
END;
$$;
