"""How the API's description shows credits."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

LIST_DESCRIPTION = "Every grant with what is left of it, revoked and expired ones too."
BALANCE_DESCRIPTION = """
What is left of the customer's grants by currency and kind, as the ledger has it. Drafts have taken nothing yet; what
has not begun to count is in it, what has expired leaves it when the expiry is booked.
"""
GRANT_DESCRIPTION = """
Gives a customer credits, which pay the invoices of periods whose last day they cover. `paid` ones are payment that came
early and don't touch the margin; `promotional` ones lower net revenue when they are used. A grant can't be changed
afterwards; what is left of it can be revoked.

The header `Idempotency-Key` makes a retry safe: the same key with the same content answers with the first grant (200),
with another content with 409.
"""
REVOKE_DESCRIPTION = """
Takes back what is left, for ever; what was spent stays spent. Revoking again changes nothing. Credits that come back
later from a void invoice are revoked at once.
"""
_AMOUNT: dict[str, Any] = {"type": "string", "description": "Major units."}
_SENT: dict[str, Any] = {"oneOf": [{"type": "string"}, {"type": "number"}], "description": "Major units."}
_DAY: dict[str, Any] = {"type": "string", "format": "date"}
_KIND: dict[str, Any] = {"type": "string", "enum": ["paid", "promotional"]}
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_TERMS: dict[str, Any] = {
    "customer": {"type": "string", "description": "External id."},
    "kind": _KIND,
    "name": {"type": "string", "maxLength": 120, "description": "What the customer reads."},
    "currency": {"type": "string", "description": "ISO 4217; it pays invoices in this currency only."},
    "priority": {"type": "integer", "description": "Lower ones are used first; 100 without it."},
    "effective_on": {**_DAY, "description": "The first day on which it counts."},
    "expires_on": {**_DAY, "nullable": True, "description": "The first day on which it no longer counts."},
    "prices": {**_TEXTS, "description": "Keys of the prices whose lines it pays; empty for all."},
    "meters": {**_TEXTS, "description": "Codes of the meters whose lines it pays."},
    "payment_reference": {"type": "string", "maxLength": 120},
    "reason": {"type": "string", "description": "Why, for whoever reads the ledger."},
}
GRANT_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["customer", "kind", "name", "amount", "currency", "effective_on", "reason"],
    "properties": {
        **_TERMS,
        "amount": _SENT,
        "paid": {**_SENT, "nullable": True, "description": "What was paid for it; the amount without it."},
    },
}
GRANT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        **_TERMS,
        "amount": _AMOUNT,
        "balance": {**_AMOUNT, "description": "What is left, in major units."},
        "paid": {**_AMOUNT, "nullable": True},
        "created_at": {"type": "string", "format": "date-time"},
    },
}
_ENTRY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "enum": ["granted", "applied", "restored", "expired", "revoked"]},
        "amount": {**_AMOUNT, "description": "Signed, in major units."},
        "at": {"type": "string", "format": "date-time"},
        "invoice": {"type": "string", "nullable": True, "description": "The number of the invoice that moved it."},
        "reason": {"type": "string"},
    },
}
GRANT_WITH_LEDGER: dict[str, Any] = {
    "type": "object",
    "properties": {**GRANT["properties"], "entries": {"type": "array", "items": _ENTRY}},
}
GRANTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "grants": {"type": "array", "items": GRANT},
        "next": {"type": "integer", "nullable": True, "description": "Send it as `before` for the next page."},
    },
}
BALANCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "balances": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "currency": {"type": "string"},
                    "total": _AMOUNT,
                    "paid": _AMOUNT,
                    "promotional": _AMOUNT,
                },
            },
        },
    },
}
REVOKE_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["reason"],
    "properties": {"reason": {"type": "string"}},
}
EXAMPLES = [
    OpenApiExample(
        "Prepaid credits",
        value={
            "customer": "halden-legal",
            "kind": "paid",
            "name": "Prepaid 2027",
            "amount": "1000",
            "paid": "900",
            "currency": "USD",
            "effective_on": "2027-01-01",
            "expires_on": "2028-01-01",
            "payment_reference": "PO 4711",
            "reason": "Annual prepayment",
        },
        request_only=True,
    )
]
