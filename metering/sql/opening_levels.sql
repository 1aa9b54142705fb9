-- The sum of all values before a local day, per series and property, where a meter carries its level over.
WITH wanted AS (
    SELECT DISTINCT s.id, t.code, s.dimensions, m.value_property AS property
    FROM metering_series s
    JOIN metering_eventtype t ON t.id = s.event_type_id
    JOIN metering_meter m ON m.event_type_id = t.id AND m.carries_over
    WHERE s.customer_id = %(customer_id)s
),
parts AS (
    SELECT series_id, property, total FROM metering_usagestatday
    WHERE series_id IN (SELECT id FROM wanted) AND day < %(before)s
    UNION ALL
    SELECT series_id, property, total FROM metering_usagestatdelta
    WHERE series_id IN (SELECT id FROM wanted) AND day < %(before)s AND count > 0
)
SELECT id, code, dimensions, wanted.property, sum(total)
FROM wanted JOIN parts ON parts.series_id = id AND parts.property = wanted.property
GROUP BY id, code, dimensions, wanted.property
HAVING sum(total) <> 0
ORDER BY id, wanted.property
