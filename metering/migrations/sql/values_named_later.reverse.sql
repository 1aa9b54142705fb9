DROP TRIGGER metering_eventtype_values ON metering_eventtype;
DROP FUNCTION metering_eventtype_values();

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

