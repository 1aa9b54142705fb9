-- About how many rows of usage are not merged yet: the oldest are merged first, so that their ids say it without counting.
SELECT coalesce(max(id) - min(id) + 1, 0)::bigint FROM metering_usagedelta
