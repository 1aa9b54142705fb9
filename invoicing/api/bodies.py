"""What clients send about credits, read strictly: unknown fields and wrong types are refused by name."""

from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from amberflow.api import ProblemError
from amberflow.lib.exact_json import JsonError, loads

MAX_TEXT = 120
T = TypeVar("T")


class GrantBody(msgspec.Struct, forbid_unknown_fields=True):
    """A grant that is asked for; amounts in major units, as text or number."""

    customer: str
    kind: str
    name: str
    amount: Decimal
    currency: str
    reason: str
    effective_on: date
    expires_on: date | None = None
    priority: int = 100
    prices: list[str] = []
    meters: list[str] = []
    paid: Decimal | None = None
    payment_reference: str = ""

    def terms(self) -> dict[str, Any]:
        """What `grant_credits` needs of it. Raises ProblemError for what no column holds."""
        for field in ("name", "payment_reference"):
            if len(getattr(self, field)) > MAX_TEXT:
                raise ProblemError(
                    f"{field} has more than {MAX_TEXT} characters: shorten it.", code="too_long", field=field
                )
        if not -(2**15) <= self.priority < 2**15:
            raise ProblemError(
                f"priority {self.priority} is not from -32768 to 32767.", code="bad_number", field="priority"
            )
        terms = msgspec.structs.asdict(self)
        del terms["customer"]
        return {**terms, "currency": self.currency.upper()}


class RevokeBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why a grant is taken back."""

    reason: str


def read_body(data: Any, body: type[T]) -> T:
    """The JSON of a request as `body`. Raises ProblemError naming the field."""
    try:
        return msgspec.convert(loads(data if isinstance(data, bytes) else b""), body)
    except JsonError as error:
        raise ProblemError(f"The body can't be read: {error}", code="invalid_body") from None
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `$")
        field = where.strip("`.") or (text.split("`")[1] if "`" in text else "")
        raise ProblemError(f"{text}{f' at {field}' if where else ''}.", code="invalid_body", field=field) from None
