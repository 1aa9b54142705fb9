"""verify_invoice reproduces a final invoice, and says what differs when somebody got past the triggers."""

from hashlib import sha256
from io import StringIO

import pytest
import zstandard
from django.core.management import CommandError, call_command
from django.db import connection

from invoicing.services.finalize import finalize_invoice
from invoicing.services.verify import verify_invoice
from tests.invoicing.company import AFTER_JULY


@pytest.fixture
def invoice(company, draft):
    company.discount(draft.period.subscription, "12.5")
    return finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)


def tamper(sql):
    """What only the owner of the database can do: switch the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET session_replication_role = DEFAULT")


def command(number):
    out = StringIO()
    try:
        call_command("verify_invoice", number, stdout=out)
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    return 0, out.getvalue(), ""


def test_a_final_invoice_is_reproduced(invoice):
    found = verify_invoice(number="AF-00001")
    # The fee is spread over the 31 days of July.
    assert (found.lines, found.slices, found.differences, found.late_usage) == (3, 33, (), False)
    assert command("AF-00001") == (0, "AF-00001: 3 lines and 33 slices reproduced exactly.\n", "")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE rating_ratedline SET amount = 9 WHERE key = 'base'", "line base: amount is stored as 9.000000000000"),
        ("UPDATE rating_seriesslices SET cost = '{5.125}' WHERE cost IS NOT NULL", "cost is stored as 5.125"),
        ("DELETE FROM rating_seriesslices WHERE cost IS NOT NULL", "line pages?model=alpha: slice 2026-07-03 series"),
        ("UPDATE invoicing_invoice SET total_minor = 1", "invoice: total_minor is stored as 1, computed as 3457"),
        (
            "UPDATE invoicing_invoiceline SET amount_minor = 1 WHERE position = 2",
            "invoice line 2: amount_minor is stored as 1, computed as 1138",
        ),
        (
            "UPDATE rating_ratedline SET explanation = explanation || '{\"unit\": \"x\"}' WHERE key = 'base'",
            "line base: explanation: unit is stored as 'x', computed as ''",
        ),
        (
            'UPDATE invoicing_invoiceline SET explanation = explanation || \'{"unit": "x"}\' WHERE position = 1',
            "invoice line 1: explanation: unit is stored as 'x', computed as ''",
        ),
        ("UPDATE rating_billingperiod SET input_digest = ''", "what the period was rated from is not what was kept"),
    ],
)
def test_what_differs_is_named(invoice, sql, said):
    tamper(sql)
    code, out, error = command("AF-00001")
    assert code == 1
    assert said in out
    assert error.startswith("AF-00001: ")


def test_an_earlier_engine_is_named(invoice):
    digest = sha256(b"2" + zstandard.decompress(invoice.period.frozen_input)).hexdigest()
    tamper(f"UPDATE rating_billingperiod SET input_digest = '{digest}'")
    code, out, _ = command("AF-00001")
    assert code == 0
    assert out.splitlines()[0].startswith("Note: version 2 of the engine rated it, and this is version 3: ")
    tamper("UPDATE rating_ratedline SET amount = 9 WHERE key = 'base'")
    code, out, error = command("AF-00001")
    assert (code, "version 2 of the engine" in out, error) == (1, True, "AF-00001: 1 differences.")


def test_usage_that_came_later_is_noted_and_changes_nothing(company, invoice):
    company.use(invoice.customer, 5, model="late")
    code, out, _ = command("AF-00001")
    assert code == 0
    assert out.splitlines()[0] == ("Note: usage of the period changed after it was frozen; the invoice stays as it is.")


def test_an_unknown_number_is_refused(db):
    assert command("AF-9") == (1, "", "No invoice has the number 'AF-9'.")
