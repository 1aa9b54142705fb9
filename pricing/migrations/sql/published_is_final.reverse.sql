DROP TRIGGER pricing_pricetier_final ON pricing_pricetier;
DROP TRIGGER pricing_price_final ON pricing_price;
DROP TRIGGER pricing_planversion_final ON pricing_planversion;
DROP FUNCTION pricing_pricetier_guard();
DROP FUNCTION pricing_price_guard();
DROP FUNCTION pricing_require_draft(bigint);
DROP FUNCTION pricing_planversion_guard();
