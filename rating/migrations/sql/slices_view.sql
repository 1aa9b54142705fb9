-- Slices one by one, as everybody reads them. The number of a slice is that of its row and its place in the arrays.
CREATE VIEW rating_slice AS
SELECT (s.id << 20) + d.place AS id, s.line_id, s.series_id, d.day,
    coalesce(d.quantity, 0) AS quantity,
    coalesce(d.gross, 0) AS gross,
    coalesce(d.discount, 0) AS discount,
    coalesce(d.adjustment, 0) AS adjustment,
    coalesce(d.gross, 0) - coalesce(d.discount, 0) + coalesce(d.adjustment, 0) AS net,
    coalesce(d.cost, 0) AS cost
FROM rating_seriesslices s
CROSS JOIN LATERAL unnest(s.days, s.quantity, s.gross, s.discount, s.adjustment, s.cost)
    WITH ORDINALITY AS d (day, quantity, gross, discount, adjustment, cost, place);

-- As many amounts as days. (That days come once each is rating's business; a check of it would cost more than rating.)
ALTER TABLE rating_seriesslices
    ADD CONSTRAINT rating_seriesslices_lengths CHECK (
        cardinality(days) > 0
        AND (quantity IS NULL OR cardinality(quantity) = cardinality(days))
        AND (gross IS NULL OR cardinality(gross) = cardinality(days))
        AND (discount IS NULL OR cardinality(discount) = cardinality(days))
        AND (adjustment IS NULL OR cardinality(adjustment) = cardinality(days))
        AND (cost IS NULL OR cardinality(cost) = cardinality(days))
        AND array_position(days, NULL) IS NULL
    );

CREATE TRIGGER rating_seriesslices_frozen_insert AFTER INSERT ON rating_seriesslices
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_seriesslices_frozen_delete AFTER DELETE ON rating_seriesslices
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_seriesslices_frozen_update AFTER UPDATE ON rating_seriesslices
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
CREATE TRIGGER rating_seriesslices_frozen_moved AFTER UPDATE ON rating_seriesslices
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION rating_slice_guard();
