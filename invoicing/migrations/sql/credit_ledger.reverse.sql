DROP TRIGGER invoicing_creditentry_not_overspent ON invoicing_creditentry;
DROP FUNCTION invoicing_creditentry_balance();
DROP TRIGGER invoicing_creditentry_append_only ON invoicing_creditentry;
DROP FUNCTION invoicing_creditentry_guard();
DROP TRIGGER invoicing_creditgrant_final ON invoicing_creditgrant;
DROP FUNCTION invoicing_creditgrant_guard();
