-- A finalized invoice keeps what it says. Only its way to payment goes on, and its link can be renewed.
CREATE FUNCTION invoicing_invoice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    goes_on constant text[] := ARRAY[
        'status', 'paid_at', 'payment_reference', 'voided_at', 'token',
        'push_state', 'push_error', 'push_attempts', 'stripe_invoice_id', 'stripe_hosted_url'
    ];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.status <> 'draft'
        AND (OLD.status NOT IN ('paid', 'void') OR NEW.status = OLD.status)
        AND to_jsonb(NEW) - goes_on = to_jsonb(OLD) - goes_on
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is %: it can''t be changed or deleted', OLD.number, OLD.status
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Void it, or correct it by a credit note.';
END;
$$;

CREATE TRIGGER invoicing_invoice_final BEFORE UPDATE OR DELETE ON invoicing_invoice
    FOR EACH ROW EXECUTE FUNCTION invoicing_invoice_guard();

CREATE FUNCTION invoicing_invoiceline_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    invoice_number text;
BEGIN
    SELECT i.number INTO invoice_number FROM invoicing_invoice i
    WHERE i.id IN (SELECT t.invoice_id FROM touched t) AND i.status <> 'draft' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invoice % is final: its lines can''t be changed', invoice_number
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Void it, or correct it by a credit note.';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER invoicing_invoiceline_final_insert AFTER INSERT ON invoicing_invoiceline
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoicing_invoiceline_guard();
CREATE TRIGGER invoicing_invoiceline_final_delete AFTER DELETE ON invoicing_invoiceline
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoicing_invoiceline_guard();
CREATE TRIGGER invoicing_invoiceline_final_update AFTER UPDATE ON invoicing_invoiceline
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoicing_invoiceline_guard();
CREATE TRIGGER invoicing_invoiceline_final_moved AFTER UPDATE ON invoicing_invoiceline
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION invoicing_invoiceline_guard();

-- What happened to an invoice is only added to; it goes with a draft, and a deleted user's name is taken out.
CREATE FUNCTION invoicing_invoiceevent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.user_id IS NULL AND to_jsonb(NEW) - 'user_id' = to_jsonb(OLD) - 'user_id' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE'
        AND NOT EXISTS (SELECT 1 FROM invoicing_invoice WHERE id = OLD.invoice_id AND status <> 'draft')
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history of invoice % is only added to', OLD.invoice_id
        USING ERRCODE = 'integrity_constraint_violation';
END;
$$;

CREATE TRIGGER invoicing_invoiceevent_append_only BEFORE UPDATE OR DELETE ON invoicing_invoiceevent
    FOR EACH ROW EXECUTE FUNCTION invoicing_invoiceevent_guard();
