ALTER TABLE metering_changedusage RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE metering_apirequest RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE metering_unclaimedevents RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE metering_usagestatdelta RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE metering_usagedelta RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
DROP TRIGGER metering_eventbatch_append_only ON metering_eventbatch;
CREATE TRIGGER metering_eventbatch_append_only BEFORE UPDATE OR DELETE ON metering_eventbatch
    FOR EACH ROW EXECUTE FUNCTION metering_append_only();
DROP FUNCTION metering_eventbatch_guard();
-- Fails where months were dropped: an earlier release would count their events again.
DROP FUNCTION metering_refuse_dropped();
DROP TRIGGER metering_eventmonth_append_only ON metering_eventmonth;
DROP FUNCTION metering_eventmonth_guard();
