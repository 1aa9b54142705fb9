-- In the order of the customers, so that two who want several wait for each other instead of deadlocking.
SELECT count(pg_advisory_xact_lock(hashtext(%(space)s::text), customer_id))
FROM (SELECT customer_id::int FROM unnest(%(customers)s::bigint[]) AS t (customer_id) ORDER BY customer_id) AS sorted
