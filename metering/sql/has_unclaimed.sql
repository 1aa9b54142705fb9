-- Whether ids of events before a key are still to be claimed. Few rows: the audit takes them away within a minute.
SELECT EXISTS (
    SELECT FROM metering_unclaimedevents u CROSS JOIN unnest(u.keys) AS k (key) WHERE k.key < %(before)s::uuid
)
