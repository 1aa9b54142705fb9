-- What a frozen period holds never changes. Statement triggers over the touched rows keep bulk writes cheap.
CREATE FUNCTION rating_billingperiod_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.frozen_at IS NULL THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    RAISE EXCEPTION 'billing period % is frozen: it can''t be changed or deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Correct it on a later invoice or by a credit note.';
END;
$$;

CREATE TRIGGER rating_billingperiod_frozen BEFORE UPDATE OR DELETE ON rating_billingperiod
    FOR EACH ROW EXECUTE FUNCTION rating_billingperiod_guard();

CREATE FUNCTION rating_refuse_frozen(period_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF period_id IS NOT NULL THEN
        RAISE EXCEPTION 'billing period % is frozen: what was rated for it can''t be changed', period_id
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'Correct it on a later invoice or by a credit note.';
    END IF;
END;
$$;

-- For tables whose rows name their period.
CREATE FUNCTION rating_period_rows_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rating_refuse_frozen((
        SELECT min(p.id) FROM rating_billingperiod p
        WHERE p.frozen_at IS NOT NULL AND p.id IN (SELECT t.period_id FROM touched t)
    ));
    RETURN NULL;
END;
$$;

-- For slices, whose line names the period.
CREATE FUNCTION rating_slice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rating_refuse_frozen((
        SELECT min(p.id) FROM rating_billingperiod p JOIN rating_ratedline l ON l.period_id = p.id
        WHERE p.frozen_at IS NOT NULL AND l.id IN (SELECT t.line_id FROM touched t)
    ));
    RETURN NULL;
END;
$$;

CREATE TRIGGER rating_ratedline_frozen_insert AFTER INSERT ON rating_ratedline
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_ratedline_frozen_delete AFTER DELETE ON rating_ratedline
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_ratedline_frozen_update AFTER UPDATE ON rating_ratedline
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_ratedline_frozen_moved AFTER UPDATE ON rating_ratedline
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();

CREATE TRIGGER rating_unpricedusage_frozen_insert AFTER INSERT ON rating_unpricedusage
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_unpricedusage_frozen_delete AFTER DELETE ON rating_unpricedusage
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_unpricedusage_frozen_update AFTER UPDATE ON rating_unpricedusage
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_unpricedusage_frozen_moved AFTER UPDATE ON rating_unpricedusage
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();

CREATE TRIGGER rating_unbilledcost_frozen_insert AFTER INSERT ON rating_unbilledcost
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_unbilledcost_frozen_delete AFTER DELETE ON rating_unbilledcost
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_unbilledcost_frozen_update AFTER UPDATE ON rating_unbilledcost
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();
CREATE TRIGGER rating_unbilledcost_frozen_moved AFTER UPDATE ON rating_unbilledcost
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_period_rows_guard();

CREATE TRIGGER rating_slice_frozen_insert AFTER INSERT ON rating_slice
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_slice_frozen_delete AFTER DELETE ON rating_slice
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_slice_frozen_update AFTER UPDATE ON rating_slice
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_slice_frozen_moved AFTER UPDATE ON rating_slice
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
