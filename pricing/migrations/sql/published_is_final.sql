-- A published plan version never changes; it can only be retired.
CREATE FUNCTION pricing_planversion_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN COALESCE(NEW, OLD);
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND NEW.status = 'retired'
        AND to_jsonb(NEW) - 'status' = to_jsonb(OLD) - 'status'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'plan version % is %: it can''t be changed or deleted', OLD.id, OLD.status
        USING ERRCODE = 'integrity_constraint_violation', HINT = 'Make a new version of the plan.';
END;
$$;

CREATE TRIGGER pricing_planversion_final BEFORE UPDATE OR DELETE ON pricing_planversion
    FOR EACH ROW EXECUTE FUNCTION pricing_planversion_guard();

CREATE FUNCTION pricing_require_draft(version_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- The lock makes a publication that runs meanwhile wait for this change, or this change see it.
    PERFORM 1 FROM pricing_planversion WHERE id = version_id FOR SHARE;
    IF EXISTS (SELECT 1 FROM pricing_planversion WHERE id = version_id AND status <> 'draft') THEN
        RAISE EXCEPTION 'the prices of plan version % can''t be changed: it is no longer a draft', version_id
            USING ERRCODE = 'integrity_constraint_violation', HINT = 'Make a new version of the plan.';
    END IF;
END;
$$;

CREATE FUNCTION pricing_price_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pricing_require_draft(OLD.plan_version_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pricing_require_draft(NEW.plan_version_id);
    END IF;
    RETURN COALESCE(NEW, OLD);
END;
$$;

CREATE TRIGGER pricing_price_final BEFORE INSERT OR UPDATE OR DELETE ON pricing_price
    FOR EACH ROW EXECUTE FUNCTION pricing_price_guard();

CREATE FUNCTION pricing_pricetier_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pricing_require_draft((SELECT plan_version_id FROM pricing_price WHERE id = OLD.price_id));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pricing_require_draft((SELECT plan_version_id FROM pricing_price WHERE id = NEW.price_id));
    END IF;
    RETURN COALESCE(NEW, OLD);
END;
$$;

CREATE TRIGGER pricing_pricetier_final BEFORE INSERT OR UPDATE OR DELETE ON pricing_pricetier
    FOR EACH ROW EXECUTE FUNCTION pricing_pricetier_guard();
