-- Whatever changes terms leaves a mark of whose, in the same transaction: no change without its mark. A row names its
-- customer, subscription or plan by the columns of these names; where it has none it may matter to everybody.
CREATE FUNCTION rating_mark_changed_terms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb;
BEGIN
    -- Both, as a row that moves matters to those it leaves too; none of a row that is new or gone.
    FOREACH changed IN ARRAY ARRAY[to_jsonb(OLD), to_jsonb(NEW)] LOOP
        IF changed IS NOT NULL THEN
            INSERT INTO rating_changedterms (customer_id, subscription_id, plan_id) VALUES (
                (changed ->> 'customer_id')::bigint,
                (changed ->> 'subscription_id')::bigint,
                (changed ->> 'plan_id')::bigint
            );
        END IF;
    END LOOP;
    RETURN NULL;
END;
$$;

-- For each table of rating.services.terms.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'pricing_subscription', 'pricing_planchange', 'pricing_subscriptionprice', 'pricing_commitment',
        'pricing_discount', 'metering_meter', 'metering_eventtype', 'rating_exchangerate'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER INSERT OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION rating_mark_changed_terms()',
            name || '_changed_rows', name
        );
        EXECUTE format(
            'CREATE TRIGGER %I AFTER UPDATE ON %I FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) '
            'EXECUTE FUNCTION rating_mark_changed_terms()',
            name || '_changed_values', name
        );
    END LOOP;
END;
$$;

-- A period that gets other days, another plan version or another time zone was rated by other terms.
CREATE FUNCTION rating_forget_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.terms_stamp = '?' || pg_current_xact_id()::text;
    RETURN NEW;
END;
$$;

CREATE TRIGGER rating_billingperiod_changed_terms BEFORE UPDATE ON rating_billingperiod FOR EACH ROW WHEN (
    (OLD.plan_version_id, OLD.timezone, OLD.start_date, OLD.end_date, OLD.full_start_date, OLD.full_end_date,
        OLD.period_start, OLD.period_end)
    IS DISTINCT FROM
    (NEW.plan_version_id, NEW.timezone, NEW.start_date, NEW.end_date, NEW.full_start_date, NEW.full_end_date,
        NEW.period_start, NEW.period_end)
) EXECUTE FUNCTION rating_forget_terms();
