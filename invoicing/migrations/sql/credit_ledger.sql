-- A grant never changes and the ledger is only added to. A deleted user's name is taken out of both.
CREATE FUNCTION invoicing_creditgrant_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.created_by_id IS NULL
        AND to_jsonb(NEW) - 'created_by_id' = to_jsonb(OLD) - 'created_by_id'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'credit grant % can''t be changed or deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Revoke what is left of it, and grant anew.';
END;
$$;

CREATE TRIGGER invoicing_creditgrant_final BEFORE UPDATE OR DELETE ON invoicing_creditgrant
    FOR EACH ROW EXECUTE FUNCTION invoicing_creditgrant_guard();

CREATE FUNCTION invoicing_creditentry_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id IS NULL AND to_jsonb(NEW) - 'user_id' = to_jsonb(OLD) - 'user_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the ledger of credit grant % is only added to', OLD.grant_id
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Correct it by a further entry.';
END;
$$;

CREATE TRIGGER invoicing_creditentry_append_only BEFORE UPDATE OR DELETE ON invoicing_creditentry
    FOR EACH ROW EXECUTE FUNCTION invoicing_creditentry_guard();

-- No entry may overspend, whoever writes it. The lock makes two that come at once wait for each other.
CREATE FUNCTION invoicing_creditentry_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    left_over numeric;
BEGIN
    PERFORM 1 FROM invoicing_creditgrant WHERE id = NEW.grant_id FOR UPDATE;
    SELECT sum(amount_minor) INTO left_over FROM invoicing_creditentry WHERE grant_id = NEW.grant_id;
    IF left_over < 0 THEN
        RAISE EXCEPTION 'credit grant % would be overspent by % minor units', NEW.grant_id, -left_over
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER invoicing_creditentry_not_overspent AFTER INSERT ON invoicing_creditentry
    FOR EACH ROW EXECUTE FUNCTION invoicing_creditentry_balance();
