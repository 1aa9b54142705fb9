DROP TRIGGER pricing_exampleline_final ON pricing_exampleline;
DROP TRIGGER pricing_exampleusage_final ON pricing_exampleusage;
DROP TRIGGER pricing_planexample_final ON pricing_planexample;
DROP FUNCTION pricing_example_row_guard();
DROP FUNCTION pricing_planexample_guard();
