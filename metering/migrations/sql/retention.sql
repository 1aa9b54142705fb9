-- A month that is cut off never comes back, and the record of one that is gone never changes. Where a month still waits
-- there is nothing to keep.
CREATE FUNCTION metering_eventmonth_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'waiting' THEN
        RETURN coalesce(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'cut_off' AND NEW.state <> 'waiting' AND NEW.month = OLD.month THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was dropped of % can''t be changed or deleted', OLD.month
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'A month of events that was dropped stays so.';
END;
$$;

CREATE TRIGGER metering_eventmonth_append_only BEFORE UPDATE OR DELETE ON metering_eventmonth
    FOR EACH ROW EXECUTE FUNCTION metering_eventmonth_guard();

-- In the place of the months that are gone stands one empty partition that takes nothing in: whoever writes, an event of
-- them is never counted, because nobody could tell any more whether it was before.
CREATE FUNCTION metering_refuse_dropped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'event % is of a month whose events were dropped', NEW.key
        USING ERRCODE = 'integrity_constraint_violation',
            HINT = 'It can''t be told whether it was counted before: it can''t be taken in any more.';
END;
$$;

-- Payloads go only with the last month of their events (metering.services.apply_retention).
CREATE FUNCTION metering_eventbatch_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('amberflow.dropping_month', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of % can''t be changed or deleted: the table is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Add a new row instead.';
END;
$$;

DROP TRIGGER metering_eventbatch_append_only ON metering_eventbatch;
CREATE TRIGGER metering_eventbatch_append_only BEFORE UPDATE OR DELETE ON metering_eventbatch
    FOR EACH ROW EXECUTE FUNCTION metering_eventbatch_guard();

-- Rows of these come and go all day. They are vacuumed by how many went, not by how large the table is or was, so that
-- they stay as small as what waits in them.
ALTER TABLE metering_usagedelta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE metering_usagestatdelta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE metering_unclaimedevents SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE metering_apirequest SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE metering_changedusage SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
