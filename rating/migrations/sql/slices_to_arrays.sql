-- One row per line and series with the slices that stood in a row each. Arrays of nothing but zeros become null.
INSERT INTO rating_seriesslices (line_id, series_id, days, quantity, gross, discount, adjustment, cost)
SELECT line_id, series_id,
    array_agg(day ORDER BY day),
    CASE WHEN bool_or(quantity <> 0) THEN array_agg(quantity ORDER BY day) END,
    CASE WHEN bool_or(gross <> 0) THEN array_agg(gross ORDER BY day) END,
    CASE WHEN bool_or(discount <> 0) THEN array_agg(discount ORDER BY day) END,
    CASE WHEN bool_or(adjustment <> 0) THEN array_agg(adjustment ORDER BY day) END,
    CASE WHEN bool_or(cost <> 0) THEN array_agg(cost ORDER BY day) END
FROM rating_slice
GROUP BY line_id, series_id;

-- The keys are checked now: no table with checks outstanding can be altered later in this migration.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
