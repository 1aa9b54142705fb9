from pricing.engine.preview import answer_preview
from pricing.management.json_lines import JsonLinesCommand


class Command(JsonLinesCommand):
    help = (
        "Price quantities: one JSON document a line in ({id, price, quantity or events, discounts}), one a line out "
        "({id, amount, rounded, explanation} or {id, error})."
    )
    answer = staticmethod(answer_preview)
