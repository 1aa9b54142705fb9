DROP TRIGGER pricing_redemption_stays ON pricing_redemption;
DROP FUNCTION pricing_redemption_guard();
