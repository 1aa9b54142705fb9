-- Merging and rebuilding statistics exclude each other, and themselves, until the end of the transaction. Events are
-- written and usage is read meanwhile.
SELECT pg_advisory_xact_lock(hashtext('amberflow usage statistics'))
