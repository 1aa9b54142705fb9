-- What was redeemed stays redeemed: the limits of a promotion are counted from these rows.
CREATE FUNCTION pricing_redemption_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'redemption % can''t be changed or deleted', OLD.id
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'End the discount that it granted instead.';
END;
$$;

CREATE TRIGGER pricing_redemption_stays BEFORE UPDATE OR DELETE ON pricing_redemption
    FOR EACH ROW EXECUTE FUNCTION pricing_redemption_guard();
