INSERT INTO rating_slice (line_id, series_id, day, quantity, gross, discount, adjustment, net, cost)
SELECT s.line_id, s.series_id, d.day, coalesce(d.quantity, 0), coalesce(d.gross, 0), coalesce(d.discount, 0),
    coalesce(d.adjustment, 0), coalesce(d.gross, 0) - coalesce(d.discount, 0) + coalesce(d.adjustment, 0),
    coalesce(d.cost, 0)
FROM rating_seriesslices s
CROSS JOIN LATERAL unnest(s.days, s.quantity, s.gross, s.discount, s.adjustment, s.cost)
    AS d (day, quantity, gross, discount, adjustment, cost);

SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

CREATE TRIGGER rating_slice_frozen_insert AFTER INSERT ON rating_slice
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_slice_frozen_delete AFTER DELETE ON rating_slice
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_slice_frozen_update AFTER UPDATE ON rating_slice
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_slice_frozen_moved AFTER UPDATE ON rating_slice
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
