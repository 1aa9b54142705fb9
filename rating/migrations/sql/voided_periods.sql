-- That an invoice was taken back is never taken back itself.
CREATE FUNCTION rating_voidedperiod_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'billing period % is void for ever: it can''t be changed or deleted', OLD.period_id
        USING ERRCODE = 'integrity_constraint_violation';
END;
$$;

CREATE TRIGGER rating_voidedperiod_append_only BEFORE UPDATE OR DELETE ON rating_voidedperiod
    FOR EACH ROW EXECUTE FUNCTION rating_voidedperiod_guard();
