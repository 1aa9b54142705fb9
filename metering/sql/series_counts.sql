-- How many series each of some customers has.
SELECT customer_id, count(*) FROM metering_series WHERE customer_id = ANY (%(customers)s::bigint[]) GROUP BY customer_id
