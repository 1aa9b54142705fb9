DROP TRIGGER metering_event_append_only ON metering_event;
DROP TRIGGER metering_eventbatch_append_only ON metering_eventbatch;
DROP TRIGGER metering_costrate_append_only ON metering_costrate;
DROP TRIGGER metering_series_append_only ON metering_series;
DROP FUNCTION metering_append_only();
DROP FUNCTION metering_event_guard();
