from pricing.engine.billing_periods import answer_billing_period
from pricing.management.json_lines import JsonLinesCommand


class Command(JsonLinesCommand):
    help = (
        "Find billing periods: one JSON document a line in ({id, cycle, interval, interval_count, anchor, timezone, "
        "on, start, end}), one a line out ({id, start, end, start_utc, end_utc} or {id, error})."
    )
    answer = staticmethod(answer_billing_period)
