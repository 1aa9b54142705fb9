-- How many events of a type are not invoiced, and of how many customers: those of each customer's days from the one on that
-- is given, and all of the others'.
WITH starts AS (
    SELECT * FROM unnest(%(customer_id)s::bigint[], %(first_day)s::date[]) AS t (customer_id, first_day)
),
wanted AS (
    SELECT s.id, s.customer_id, f.first_day
    FROM metering_series s LEFT JOIN starts f USING (customer_id)
    WHERE s.event_type_id = %(event_type_id)s::bigint
),
parts AS (
    SELECT customer_id, events FROM metering_usageday u JOIN wanted w ON w.id = u.series_id
    WHERE first_day IS NULL OR day >= first_day
    UNION ALL
    SELECT customer_id, events FROM metering_usagedelta u JOIN wanted w ON w.id = u.series_id
    WHERE first_day IS NULL OR day >= first_day
)
SELECT coalesce(sum(events), 0)::bigint, count(*)
FROM (SELECT customer_id, sum(events) AS events FROM parts GROUP BY customer_id HAVING sum(events) > 0) AS t
