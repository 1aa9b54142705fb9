-- Events are facts: never changed, never deleted. The exceptions are the cost of a call that had no rate (cost_state 2),
-- which may be filled in once (1) when the cost book has learned it; a value that the event carried before its type named
-- it, which metering.services.fill_values fills in where there is none; and the place where the event counts, while
-- metering.services.move_events moves it: the local day, which follows from the instant and the customer's time zone, and
-- the series, which follows from what was sent and the dimensions of its type.
CREATE OR REPLACE FUNCTION metering_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cost_columns constant text[] := ARRAY['cost_state', 'uncached_input_cost', 'cache_read_cost', 'cache_write_5m_cost', 'cache_write_1h_cost', 'audio_input_cost', 'image_input_cost', 'visible_output_cost', 'reasoning_cost', 'audio_output_cost', 'request_cost'];
    place_columns constant text[] := ARRAY['series_id', 'day'];
    value_columns constant text[] := ARRAY['value_1', 'value_2', 'value_3', 'value_4'];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.cost_state = 2 AND NEW.cost_state = 1
        AND to_jsonb(NEW) - cost_columns = to_jsonb(OLD) - cost_columns
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('amberflow.moving_events', true) = 'on'
        AND to_jsonb(NEW) - place_columns = to_jsonb(OLD) - place_columns
        AND (NEW.series_id = OLD.series_id OR (
            SELECT count(DISTINCT (s.customer_id, s.event_type_id)) = 1 AND count(*) = 2
            FROM metering_series s WHERE s.id IN (NEW.series_id, OLD.series_id)
        ))
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('amberflow.filling_values', true) = 'on'
        AND to_jsonb(NEW) - value_columns = to_jsonb(OLD) - value_columns
        AND (OLD.value_1 IS NULL OR OLD.value_1 = NEW.value_1) AND (OLD.value_2 IS NULL OR OLD.value_2 = NEW.value_2)
        AND (OLD.value_3 IS NULL OR OLD.value_3 = NEW.value_3) AND (OLD.value_4 IS NULL OR OLD.value_4 = NEW.value_4)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'event % can''t be changed or deleted: events are append-only', OLD.key
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Correct it by a new event.';
END;
$$;

-- Other dimensions: events must bring them from now on. Done here so that it holds whoever writes the type.
CREATE FUNCTION metering_eventtype_dimensions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM metering_ingestion_changed('dimensions of event type ' || NEW.code);
    RETURN NULL;
END;
$$;

CREATE TRIGGER metering_eventtype_dimensions AFTER UPDATE OF dimensions ON metering_eventtype
    FOR EACH ROW WHEN (OLD.dimensions IS DISTINCT FROM NEW.dimensions) EXECUTE FUNCTION metering_eventtype_dimensions();

-- What was asked for stays as it is; only how far it is may be noted.
CREATE FUNCTION metering_dimensionchange_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    progress constant text[] := ARRAY['done_to', 'read', 'moved', 'too_many', 'without_payload', 'unreadable', 'first_day', 'last_day', 'counted_before', 'moved_at'];
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - progress = to_jsonb(OLD) - progress THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % can''t be changed or deleted: the table is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Add a new row instead.';
END;
$$;

CREATE TRIGGER metering_dimensionchange_append_only BEFORE UPDATE OR DELETE ON metering_dimensionchange
    FOR EACH ROW EXECUTE FUNCTION metering_dimensionchange_guard();
CREATE TRIGGER metering_dimensionchangestart_append_only BEFORE UPDATE OR DELETE ON metering_dimensionchangestart
    FOR EACH ROW EXECUTE FUNCTION metering_append_only();
