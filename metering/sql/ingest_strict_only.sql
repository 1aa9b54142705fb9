    WHERE claims = 0 OR key IN (SELECT key FROM claimed)
