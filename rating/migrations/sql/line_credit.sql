-- The promotional credits of a frozen period's lines are as final as its slices.
CREATE FUNCTION rating_linecredit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM rating_refuse_frozen((
        SELECT min(p.id) FROM rating_billingperiod p JOIN rating_ratedline l ON l.period_id = p.id
        WHERE p.frozen_at IS NOT NULL AND l.id IN (SELECT t.line_id FROM touched t)
    ));
    RETURN NULL;
END;
$$;

CREATE TRIGGER rating_linecredit_frozen_insert AFTER INSERT ON rating_linecredit
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_linecredit_guard();
CREATE TRIGGER rating_linecredit_frozen_delete AFTER DELETE ON rating_linecredit
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_linecredit_guard();
CREATE TRIGGER rating_linecredit_frozen_update AFTER UPDATE ON rating_linecredit
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_linecredit_guard();
CREATE TRIGGER rating_linecredit_frozen_moved AFTER UPDATE ON rating_linecredit
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_linecredit_guard();
