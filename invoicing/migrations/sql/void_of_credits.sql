-- An invoice of which credits (or a discount) paid everything may be taken back: no money has to be returned.
CREATE OR REPLACE FUNCTION invoicing_invoice_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    goes_on constant text[] := ARRAY[
        'status', 'paid_at', 'payment_reference', 'voided_at', 'token',
        'push_state', 'push_error', 'push_attempts', 'push_retry_at',
        'stripe_invoice_id', 'stripe_hosted_url'
    ];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.status <> 'draft'
        AND (
            OLD.status NOT IN ('paid', 'void') OR NEW.status = OLD.status
            OR (OLD.status = 'paid' AND NEW.status = 'void' AND OLD.total_minor = 0)
        )
        AND to_jsonb(NEW) - goes_on = to_jsonb(OLD) - goes_on
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is %: it can''t be changed or deleted', OLD.number, OLD.status
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Void it, or correct it by a credit note.';
END;
$$;
