-- Holds events until the end of the transaction, in order. Whatever voids them, fills in their cost or moves them to
-- another day takes this lock by itself first, so that its next statement sees what the one before it has done.
SELECT key FROM metering_event WHERE key = ANY (%(key)s::uuid[]) ORDER BY key FOR NO KEY UPDATE
