CREATE TRIGGER metering_eventcorrection_append_only BEFORE UPDATE OR DELETE ON metering_eventcorrection
    FOR EACH ROW EXECUTE FUNCTION metering_append_only();

-- What was asked for stays as it is; only how far it is may be noted.
CREATE FUNCTION metering_correctionrun_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    progress constant text[] := ARRAY['state', 'voided', 'sent', 'accepted', 'duplicates', 'rejected', 'finished_at'];
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - progress = to_jsonb(OLD) - progress THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of % can''t be changed or deleted: the table is append-only', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Add a new row instead.';
END;
$$;

CREATE TRIGGER metering_correctionrun_append_only BEFORE UPDATE OR DELETE ON metering_correctionrun
    FOR EACH ROW EXECUTE FUNCTION metering_correctionrun_guard();
