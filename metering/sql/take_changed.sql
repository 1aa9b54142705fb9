-- Takes marks of changed usage away, those that nobody else is taking; returns whose usage changed between which days.
WITH taken AS (
    DELETE FROM metering_changedusage
    WHERE id = ANY (ARRAY(
        SELECT id FROM metering_changedusage ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING customer_id, first_day, last_day
)
SELECT customer_id, min(first_day), max(last_day) FROM taken GROUP BY customer_id ORDER BY customer_id
