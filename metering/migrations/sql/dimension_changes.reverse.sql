DROP TRIGGER metering_dimensionchangestart_append_only ON metering_dimensionchangestart;
DROP TRIGGER metering_dimensionchange_append_only ON metering_dimensionchange;
DROP FUNCTION metering_dimensionchange_guard;
DROP TRIGGER metering_eventtype_dimensions ON metering_eventtype;
DROP FUNCTION metering_eventtype_dimensions;

CREATE OR REPLACE FUNCTION metering_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cost_columns constant text[] := ARRAY['cost_state', 'uncached_input_cost', 'cache_read_cost', 'cache_write_5m_cost', 'cache_write_1h_cost', 'audio_input_cost', 'image_input_cost', 'visible_output_cost', 'reasoning_cost', 'audio_output_cost', 'request_cost'];
    value_columns constant text[] := ARRAY['value_1', 'value_2', 'value_3', 'value_4'];
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
