-- How many values each dimension of some customers' event types has, and which of some values are among them.
SELECT s.customer_id, s.event_type_id, d.name, count(DISTINCT d.value),
    array_agg(DISTINCT d.value) FILTER (WHERE d.value = ANY (%(values)s::text[]))
FROM unnest(%(customers)s::bigint[], %(event_types)s::bigint[]) AS a (customer_id, event_type_id)
JOIN metering_series s USING (customer_id, event_type_id)
CROSS JOIN jsonb_each_text(s.dimensions) AS d (name, value)
GROUP BY s.customer_id, s.event_type_id, d.name
