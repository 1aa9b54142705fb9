DROP TABLE metering_event;
