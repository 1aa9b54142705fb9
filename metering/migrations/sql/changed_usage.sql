-- Whatever changes days of usage leaves a mark of whose and which, in the same transaction: no change without its mark.
-- For every table of days; each has the columns series_id and day, of which no UPDATE changes either.
CREATE FUNCTION metering_mark_changed_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metering_changedusage (customer_id, first_day, last_day)
    SELECT s.customer_id, min(t.day), max(t.day)
    FROM touched t JOIN metering_series s ON s.id = t.series_id
    GROUP BY s.customer_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER metering_usageday_changed_insert AFTER INSERT ON metering_usageday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usageday_changed_update AFTER UPDATE ON metering_usageday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usageday_changed_delete AFTER DELETE ON metering_usageday
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();

CREATE TRIGGER metering_usagestatday_changed_insert AFTER INSERT ON metering_usagestatday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usagestatday_changed_update AFTER UPDATE ON metering_usagestatday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usagestatday_changed_delete AFTER DELETE ON metering_usagestatday
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();

CREATE TRIGGER metering_usageamountday_changed_insert AFTER INSERT ON metering_usageamountday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usageamountday_changed_update AFTER UPDATE ON metering_usageamountday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usageamountday_changed_delete AFTER DELETE ON metering_usageamountday
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();

CREATE TRIGGER metering_usageuniqueday_changed_insert AFTER INSERT ON metering_usageuniqueday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usageuniqueday_changed_update AFTER UPDATE ON metering_usageuniqueday
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
CREATE TRIGGER metering_usageuniqueday_changed_delete AFTER DELETE ON metering_usageuniqueday
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION metering_mark_changed_usage();
