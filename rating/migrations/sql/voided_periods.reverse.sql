DROP TRIGGER rating_voidedperiod_append_only ON rating_voidedperiod;
DROP FUNCTION rating_voidedperiod_guard();
