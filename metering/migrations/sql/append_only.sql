-- Events are facts: never changed, never deleted. The one exception is the cost of a call that had no rate
-- (cost_state 2), which may be filled in once (1) when the cost book has learned it.
CREATE FUNCTION metering_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cost_columns constant text[] := ARRAY['cost_state', 'uncached_input_cost', 'cache_read_cost', 'cache_write_5m_cost', 'cache_write_1h_cost', 'audio_input_cost', 'image_input_cost', 'visible_output_cost', 'reasoning_cost', 'audio_output_cost', 'request_cost'];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.cost_state = 2 AND NEW.cost_state = 1
        AND to_jsonb(NEW) - cost_columns = to_jsonb(OLD) - cost_columns
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'event % can''t be changed or deleted: events are append-only', OLD.key
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Correct it by a new event.';
END;
$$;

CREATE TRIGGER metering_event_append_only BEFORE UPDATE OR DELETE ON metering_event
    FOR EACH ROW EXECUTE FUNCTION metering_event_guard();

CREATE FUNCTION metering_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % can''t be changed or deleted: the table is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Add a new row instead.';
END;
$$;

CREATE TRIGGER metering_eventbatch_append_only BEFORE UPDATE OR DELETE ON metering_eventbatch
    FOR EACH ROW EXECUTE FUNCTION metering_append_only();
CREATE TRIGGER metering_costrate_append_only BEFORE UPDATE OR DELETE ON metering_costrate
    FOR EACH ROW EXECUTE FUNCTION metering_append_only();
CREATE TRIGGER metering_series_append_only BEFORE UPDATE ON metering_series
    FOR EACH ROW EXECUTE FUNCTION metering_append_only();
