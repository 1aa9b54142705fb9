-- The example invoices of a plan version are part of it: once it is published they don't change either.
CREATE FUNCTION pricing_planexample_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE FUNCTION pricing_example_row_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pricing_require_draft((SELECT plan_version_id FROM pricing_planexample WHERE id = OLD.example_id));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pricing_require_draft((SELECT plan_version_id FROM pricing_planexample WHERE id = NEW.example_id));
    END IF;
    RETURN COALESCE(NEW, OLD);
END;
$$;

CREATE TRIGGER pricing_planexample_final BEFORE INSERT OR UPDATE OR DELETE ON pricing_planexample
    FOR EACH ROW EXECUTE FUNCTION pricing_planexample_guard();
CREATE TRIGGER pricing_exampleusage_final BEFORE INSERT OR UPDATE OR DELETE ON pricing_exampleusage
    FOR EACH ROW EXECUTE FUNCTION pricing_example_row_guard();
CREATE TRIGGER pricing_exampleline_final BEFORE INSERT OR UPDATE OR DELETE ON pricing_exampleline
    FOR EACH ROW EXECUTE FUNCTION pricing_example_row_guard();
