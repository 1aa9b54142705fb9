-- How large each table is with its indexes and texts, and about how many rows it has, as the database last counted them.
-- Partitions are tables of their own; the table that they are of is empty.
SELECT c.relname, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = current_schema()
ORDER BY c.relname
