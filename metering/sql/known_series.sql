-- The ids of those of these series that are there.
SELECT digest, id FROM metering_series WHERE digest = ANY (%(digest)s::uuid[])
