-- A paid invoice stays paid, also where nothing was to pay.
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
        AND (OLD.status NOT IN ('paid', 'void') OR NEW.status = OLD.status)
        AND to_jsonb(NEW) - goes_on = to_jsonb(OLD) - goes_on
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'invoice % is %: it can''t be changed or deleted', OLD.number, OLD.status
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Void it, or correct it by a credit note.';
END;
$$;
