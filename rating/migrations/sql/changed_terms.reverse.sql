DROP TRIGGER rating_billingperiod_changed_terms ON rating_billingperiod;
DROP FUNCTION rating_forget_terms();
DROP FUNCTION rating_mark_changed_terms() CASCADE;
