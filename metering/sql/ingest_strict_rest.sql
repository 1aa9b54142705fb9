    WHERE key IN (SELECT key FROM sent WHERE claims = 0)
