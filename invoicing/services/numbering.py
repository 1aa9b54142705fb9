"""Invoice numbers: one after the other, none left out, none given twice."""

from invoicing.models import NumberSequence


def next_number(*, prefix: str) -> str:
    """The next number of the prefix, like AF-00042.

    Its sequence stays locked until the caller's transaction ends: rolled back, the number is given to the next.
    """
    NumberSequence.objects.get_or_create(prefix=prefix)
    sequence = NumberSequence.objects.select_for_update().get(prefix=prefix)
    sequence.last_number += 1
    sequence.save(update_fields=["last_number"])
    return f"{prefix}{sequence.last_number:05d}"
