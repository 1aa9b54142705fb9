-- Where the texts of the events of the edges are: customer, window (numbered from 1), group, batch and position in it.
WITH
-- part: usage_scope
SELECT customer_id, place, grouped, batch_id, position FROM edges ORDER BY batch_id LIMIT %(limit)s::bigint
