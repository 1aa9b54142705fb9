"""Credit grants on invoices: drafts show them, final invoices spend them, void ones give them back, days end them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from amberflow.lib.errors import DomainError
from invoicing import tasks
from invoicing.models import CreditEntry, CreditGrant, Invoice
from invoicing.services.check_credits import check_credits
from invoicing.services.credits import balance_of, expire_credits, grant_credits, revoke_credits
from invoicing.services.draft import refresh_draft, refresh_drafts_of
from invoicing.services.finalize import finalize_invoice
from invoicing.services.payment import record_payment
from invoicing.services.preview import preview_invoice
from invoicing.services.runs import rate_and_draft
from invoicing.services.verify import verify_invoice
from invoicing.services.void import void_invoice
from rating.models import LineCredit, Slice
from tests.invoicing.company import AFTER_JULY, IN_JULY, JULY

pytestmark = pytest.mark.django_db

AFTER_AUGUST = datetime(2026, 9, 2, 12, tzinfo=UTC)


def give(customer, amount, kind="promotional", **fields):
    values = {"name": "Welcome", "currency": "USD", "effective_on": JULY, "reason": "a good start", "now": IN_JULY}
    return grant_credits(customer_id=customer.pk, kind=kind, amount=Decimal(amount), **{**values, **fields})


def left_of(grant):
    return balance_of(grant_id=grant.pk)


def refreshed(draft):
    return refresh_draft(period=draft.period, now=IN_JULY)


def entries_of(grant):
    return [(entry.kind, entry.amount_minor) for entry in grant.entries.all()]


def test_a_draft_shows_what_would_be_taken_and_writes_nothing_to_the_ledger(draft):
    grant = give(draft.customer, "25")
    shown = refreshed(draft)
    # 25.00: the fee of 20.00, then 5.00 of the 13.00 for alpha; 39.50 − 25.00 = 14.50.
    assert (shown.subtotal_minor, shown.credits_minor, shown.total_minor) == (3950, 2500, 1450)
    lines = shown.lines.order_by("position")
    assert [(line.amount_minor, line.credit_minor) for line in lines] == [(2000, 2000), (1300, 500), (650, 0)]
    assert lines[1].credits == [
        {
            "grant": grant.pk,
            "name": "Welcome",
            "kind": "promotional",
            "amount_minor": 500,
            "text": "Credit Welcome (promotional) with 5.00 USD: 5.00 USD off the 13.00 USD to pay; "
            "0.00 USD of it left",
        }
    ]
    assert shown.credit_explanation == ["Credit Welcome: 25.00 USD used, 0.00 USD left."]
    assert entries_of(grant) == [("granted", 2500)]


def test_refreshing_a_draft_that_is_up_to_date_writes_nothing(draft):
    give(draft.customer, "25")
    first = refreshed(draft)
    again = refresh_draft(period=draft.period, now=IN_JULY + timedelta(hours=1))
    assert again.refreshed_at == first.refreshed_at


def test_the_preview_shows_the_same_as_the_draft(draft):
    give(draft.customer, "25")
    preview = preview_invoice(subscription=draft.period.subscription, on=date(2026, 7, 10)).invoice
    assert (preview.credits_minor, preview.total_minor) == (2500, 1450)


def test_later_drafts_show_only_what_earlier_ones_leave(company):
    acme = company.customer()
    company.subscribe(acme)
    company.use(acme, 1000)
    company.use(acme, 1000, day=date(2026, 8, 3))
    give(acme, "40")
    rate_and_draft(now=datetime(2026, 8, 10, tzinfo=UTC))
    # July 33.00, August 33.00: 33.00 there, 7.00 here.
    assert [invoice.credits_minor for invoice in Invoice.objects.order_by("period__start_date")] == [3300, 700]


def test_a_final_invoice_spends_what_its_lines_say(draft):
    welcome = give(draft.customer, "25", priority=1)
    prepaid = give(draft.customer, "100", kind="paid", name="Prepaid")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    # 25.00 promotional, and 14.50 of what was paid for before.
    assert (invoice.credits_minor, invoice.total_minor, invoice.status) == (3950, 0, "paid")
    assert entries_of(welcome) == [("granted", 2500), ("applied", -2000), ("applied", -500)]
    assert entries_of(prepaid) == [("granted", 10000), ("applied", -800), ("applied", -650)]
    assert {entry.invoice_id for entry in CreditEntry.objects.filter(kind="applied")} == {invoice.pk}
    assert (left_of(welcome), left_of(prepaid)) == (0, 8550)
    assert verify_invoice(number=invoice.number).differences == ()
    assert check_credits().differences == ()


def test_only_what_is_in_scope_currency_and_force_on_the_last_day_is_used(draft):
    acme = draft.customer
    give(acme, "7", meters=["pages"])
    give(acme, "100", name="Later", effective_on=date(2026, 8, 1))
    give(acme, "100", name="Over", expires_on=date(2026, 7, 31))
    give(acme, "100", name="Yen", currency="JPY")
    last = give(acme, "3", name="Last day", expires_on=date(2026, 8, 1), prices=["base"])
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert [line.credit_minor for line in invoice.lines.order_by("position")] == [300, 700, 0]
    assert left_of(last) == 0
    assert verify_invoice(number=invoice.number).differences == ()


def test_another_customers_credits_are_not_touched(company, draft):
    give(company.customer("other"), "100")
    assert finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY).credits_minor == 0


def test_finalizing_twice_spends_once(draft):
    grant = give(draft.customer, "5")
    for _ in range(2):
        finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert entries_of(grant) == [("granted", 500), ("applied", -500)]


def test_a_void_invoice_gives_everything_back(draft):
    grant = give(draft.customer, "25")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    for _ in range(2):
        void_invoice(invoice_id=invoice.pk, now=AFTER_JULY, reason="Wrong plan.")
    assert entries_of(grant)[3:] == [("restored", 2000), ("restored", 500)]
    assert left_of(grant) == 2500
    assert invoice.events.last().text == "Voided: Wrong plan. Credits given back: 25.00 USD."
    assert verify_invoice(number=invoice.number).differences == ()
    assert check_credits().differences == ()


def test_an_invoice_that_credits_paid_in_full_can_be_void(draft):
    welcome, prepaid = give(draft.customer, "25"), give(draft.customer, "100", kind="paid", name="Prepaid")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert invoice.status == "paid"
    for _ in range(2):
        void = void_invoice(invoice_id=invoice.pk, now=AFTER_JULY, reason="Wrong plan.")
    assert (void.status, void.paid_at, void.push_state) == ("void", None, "not_due")
    assert (left_of(welcome), left_of(prepaid)) == (2500, 10000)
    assert invoice.events.last().text == "Voided: Wrong plan. Credits given back: 39.50 USD."
    assert verify_invoice(number=invoice.number).differences == ()
    assert check_credits().differences == ()


def test_an_invoice_paid_with_money_beside_credits_stays_paid(draft):
    give(draft.customer, "25")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    record_payment(invoice_id=invoice.pk, paid_at=AFTER_JULY, reference="TX 1", source="bank transfer")
    with pytest.raises(DomainError, match="from paid to void"):
        void_invoice(invoice_id=invoice.pk, now=AFTER_JULY, reason="Wrong plan.")
    with pytest.raises(IntegrityError, match="is paid: it can't be changed"), transaction.atomic():
        Invoice.objects.filter(pk=invoice.pk).update(status="void")


def test_what_is_given_back_to_a_revoked_grant_is_revoked_again(draft):
    grant = give(draft.customer, "50", prices=["base"])
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    revoke_credits(grant_id=grant.pk, reason="Fraud.", now=AFTER_JULY)
    void_invoice(invoice_id=invoice.pk, now=AFTER_JULY, reason="Wrong.")
    # 50.00 less the fee of 20.00 are 30.00; then the 20.00 that came back.
    assert entries_of(grant)[2:] == [("revoked", -3000), ("restored", 2000), ("revoked", -2000)]
    assert check_credits().differences == ()


def test_nothing_can_be_revoked_of_what_is_used_up(draft):
    grant = give(draft.customer, "30")
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    with pytest.raises(DomainError, match="Nothing is left of Welcome"):
        revoke_credits(grant_id=grant.pk, reason="Fraud.", now=AFTER_JULY)


def test_revoking_takes_what_is_left_from_the_draft_too(draft):
    grant = give(draft.customer, "25")
    assert refreshed(draft).credits_minor == 2500
    entry = revoke_credits(grant_id=grant.pk, reason="Granted by mistake.", now=IN_JULY)
    assert (entry.kind, entry.amount_minor, entry.reason) == ("revoked", -2500, "Granted by mistake.")
    assert refresh_drafts_of(customer_id=draft.customer_id, now=IN_JULY) == 1
    draft.refresh_from_db()
    assert (draft.credits_minor, draft.total_minor) == (0, 3950)


def test_revoking_needs_a_reason(draft):
    with pytest.raises(DomainError) as caught:
        revoke_credits(grant_id=give(draft.customer, "25").pk, reason=" ", now=IN_JULY)
    assert caught.value.field == "reason"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal(0)}, "amount"),
        ({"amount": Decimal("-1")}, "amount"),
        ({"amount": Decimal("0.001")}, "amount"),
        ({"amount": Decimal(10**18)}, "amount"),
        ({"currency": "usd"}, "currency"),
        ({"kind": "gift"}, "kind"),
        ({"name": " "}, "name"),
        ({"reason": ""}, "reason"),
        ({"expires_on": JULY}, "expires_on"),
        ({"prices": ["base", "nowhere"]}, "prices"),
        ({"meters": ["tokens"]}, "meters"),
        ({"paid": Decimal(1)}, "paid"),
        ({"kind": "paid", "paid": Decimal("-0.01")}, "paid"),
    ],
)
def test_what_cant_be_granted_is_refused_by_field(draft, fields, field):
    values = {"customer_id": draft.customer_id, "kind": "promotional", "name": "Welcome", "amount": Decimal(5)}
    values |= {"currency": "USD", "effective_on": JULY, "reason": "start", "now": IN_JULY}
    with pytest.raises(DomainError) as caught:
        grant_credits(**{**values, **fields})
    assert caught.value.field == field
    assert not CreditGrant.objects.exists()


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("JPY", "1500", 1500), ("KWD", "0.001", 1), ("USD", "1000000000000000", 10**17)],
)
def test_amounts_are_kept_in_minor_units(draft, currency, amount, minor):
    grant = give(draft.customer, amount, kind="paid", currency=currency, paid=Decimal(1))
    assert (grant.amount_minor, left_of(grant)) == (minor, minor)


def test_what_was_paid_for_it_is_the_amount_if_not_said(draft):
    assert give(draft.customer, "10", kind="paid").paid_minor == 1000
    assert give(draft.customer, "10", kind="paid", paid=Decimal(8)).paid_minor == 800
    assert give(draft.customer, "10").paid_minor is None


# --- expiry --------------------------------------------------------------------------------------------------
def test_what_is_left_expires_once_and_after_the_grace_time(company):
    acme = company.customer()
    grant = give(acme, "25", expires_on=date(2026, 8, 1))
    # Expiry at midnight UTC and 24 hours of grace.
    assert expire_credits(now=datetime(2026, 8, 1, 23, 59, 59, tzinfo=UTC)) == 0
    assert expire_credits(now=datetime(2026, 8, 2, tzinfo=UTC)) == 1
    assert expire_credits(now=AFTER_JULY) == 0
    assert entries_of(grant) == [("granted", 2500), ("expired", -2500)]


def test_days_are_those_of_the_customer(company):
    grant = give(company.customer(timezone="Pacific/Auckland"), "25", expires_on=date(2026, 8, 1))
    # Midnight of 1 August in Auckland is 12:00 UTC of 31 July.
    assert expire_credits(now=datetime(2026, 8, 1, 11, 59, tzinfo=UTC)) == 0
    assert expire_credits(now=datetime(2026, 8, 1, 12, tzinfo=UTC)) == 1
    assert left_of(grant) == 0


def test_a_draft_that_may_still_use_it_keeps_a_grant_alive(draft):
    grant = give(draft.customer, "25", expires_on=date(2026, 8, 1))
    give(draft.customer, "5", name="Never")
    assert expire_credits(now=AFTER_JULY) == 0
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    assert left_of(grant) == 0
    assert expire_credits(now=AFTER_JULY) == 0


def test_the_draft_of_a_later_period_doesnt_keep_a_grant_alive(company, draft):
    grant = give(draft.customer, "100", expires_on=date(2026, 8, 1))
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    rate_and_draft(now=AFTER_JULY)
    assert Invoice.objects.filter(status="draft").count() == 1
    assert expire_credits(now=AFTER_JULY) == 1
    assert entries_of(grant)[-1] == ("expired", -6050)


def test_what_a_void_invoice_gives_back_after_expiry_expires_again(draft):
    grant = give(draft.customer, "25", expires_on=date(2026, 8, 1))
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    void_invoice(invoice_id=invoice.pk, now=AFTER_AUGUST, reason="Wrong.")
    assert expire_credits(now=AFTER_AUGUST) == 1
    assert left_of(grant) == 0
    assert check_credits().differences == ()


# --- the ledger can't be changed -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE invoicing_creditentry SET amount_minor = amount_minor + 1",
        "DELETE FROM invoicing_creditentry",
        "UPDATE invoicing_creditgrant SET priority = 1",
        "UPDATE invoicing_creditgrant SET expires_on = NULL",
        "DELETE FROM invoicing_creditgrant",
    ],
)
def test_the_database_refuses_changes_of_grants_and_ledger(draft, sql):
    give(draft.customer, "25", expires_on=date(2027, 1, 1))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_database_refuses_to_overspend(draft):
    grant = give(draft.customer, "25")
    CreditEntry.objects.create(grant=grant, kind="revoked", amount_minor=-2500, at=IN_JULY)
    with pytest.raises(IntegrityError, match=rf"credit grant {grant.pk} would be overspent by 1 minor"):
        CreditEntry.objects.create(grant=grant, kind="revoked", amount_minor=-1, at=IN_JULY)


def test_who_granted_can_be_taken_out_with_the_user(draft, django_user_model):
    user = django_user_model.objects.create_user("ann")
    grant = give(draft.customer, "25", user=user)
    user.delete()
    grant.refresh_from_db()
    assert (grant.created_by, grant.entries.get().user) == (None, None)


# --- proofs --------------------------------------------------------------------------------------------------
def tamper(sql):
    """What only the owner of the database can do: switch the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET session_replication_role = DEFAULT")


@pytest.mark.parametrize(
    ("sql", "ledger_says", "invoice_says"),
    [
        (
            "UPDATE invoicing_creditentry SET amount_minor = -1999 WHERE amount_minor = -2000",
            "applied 1999 minor units by the ledger",
            "applied 1999 minor units by the ledger",
        ),
        (
            "UPDATE invoicing_creditentry SET amount_minor = 2400 WHERE kind = 'granted'",
            "overspent by 1.00 USD",
            "2400",
        ),
        (
            "UPDATE invoicing_creditgrant SET amount_minor = 2600",
            "does not begin with the 2600 that were granted",
            None,
        ),
        ("UPDATE invoicing_creditgrant SET priority = 7", None, "priority was 100, is 7"),
        (
            "UPDATE invoicing_invoice SET credits_minor = 0, total_minor = subtotal_minor",
            "3950 - 0 = 3950, its lines say 3950 - 2500",
            "credits_minor is stored as 0, computed as 2500",
        ),
        ("UPDATE rating_linecredit SET amount = amount + 1 WHERE day = '2026-07-03'", None, "credit of 2026-07-03"),
        (
            "INSERT INTO invoicing_creditentry (grant_id, kind, amount_minor, invoice_id, invoice_line_id, at, reason) "
            "SELECT grant_id, 'restored', 1, invoice_id, invoice_line_id, at, '' FROM invoicing_creditentry "
            "WHERE amount_minor = -500",
            "restored 1 minor units by the ledger",
            "restored 1 minor units by the ledger",
        ),
    ],
)
def test_what_does_not_add_up_is_named(draft, sql, ledger_says, invoice_says):
    give(draft.customer, "25")
    invoice = finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    tamper(sql)
    ledger, proof = check_credits().differences, verify_invoice(number=invoice.number).differences
    assert ledger_says is None or any(ledger_says in line for line in ledger), ledger
    assert invoice_says is None or any(invoice_says in line for line in proof), proof


def test_promotional_credits_are_shared_over_slices_and_paid_ones_not(draft):
    give(draft.customer, "25")
    give(draft.customer, "10", kind="paid", name="Prepaid")
    finalize_invoice(invoice_id=draft.pk, now=AFTER_JULY)
    sums = {}
    for credit in LineCredit.objects.select_related("line"):
        sums[credit.line.key] = sums.get(credit.line.key, 0) + credit.amount
    assert sums == {"base": Decimal(20), "pages?model=alpha": Decimal(5)}
    # 20.00 over the 31 days of the fee, in 12 decimals: as the slices themselves.
    fee = LineCredit.objects.filter(line__key="base").order_by("day")
    slices = Slice.objects.filter(line__key="base").order_by("day")
    assert [(one.day, one.amount) for one in fee] == [(part.day, part.net) for part in slices]
    with pytest.raises(IntegrityError, match="is frozen"):
        LineCredit.objects.all().delete()


def test_shares_follow_slices_that_moved_under_the_same_amount(company, draft):
    give(draft.customer, "33")
    refreshed(draft)
    assert LineCredit.objects.filter(line__key="pages?model=alpha").values_list("day", "amount").get() == (
        date(2026, 7, 3),
        Decimal(13),
    )
    company.use(draft.customer, 250, model="alpha")
    company.use(draft.customer, 750, model="alpha", day=date(2026, 7, 12))
    company.draft(draft.period.subscription)
    # The line still comes to 13.00: a quarter on the 3rd, the rest on the 12th.
    assert list(
        LineCredit.objects.filter(line__key="pages?model=alpha").order_by("day").values_list("day", "amount")
    ) == [(date(2026, 7, 3), Decimal("3.25")), (date(2026, 7, 12), Decimal("9.75"))]


# --- what the queue and the command line do ------------------------------------------------------------------
def test_drafts_follow_credits_by_a_task_after_the_commit(draft, monkeypatch, django_capture_on_commit_callbacks):
    queued = []
    monkeypatch.setattr("invoicing.services.credits.async_task", lambda name, *args: queued.append((name, *args)))
    with django_capture_on_commit_callbacks(execute=True):
        grant = give(draft.customer, "25")
        assert queued == []
    assert queued == [("invoicing.tasks.refresh_drafts", draft.customer_id)]
    assert tasks.refresh_drafts(draft.customer_id) == "1 changed"
    draft.refresh_from_db()
    assert draft.credits_minor == 2500
    with django_capture_on_commit_callbacks(execute=True):
        revoke_credits(grant_id=grant.pk, reason="no", now=IN_JULY)
    assert len(queued) == 2


def test_the_daily_task_may_run_twice(company):
    grant = give(company.customer(), "25", expires_on=date(2026, 7, 2))
    with time_machine.travel(AFTER_JULY, tick=False):
        assert [tasks.expire_credits(), tasks.expire_credits()] == ["1 expired", "0 expired"]
    assert entries_of(grant) == [("granted", 2500), ("expired", -2500)]


def test_the_command_says_what_it_proved_or_what_differs(draft):
    give(draft.customer, "25")
    out = StringIO()
    call_command("check_credits", stdout=out)
    assert out.getvalue() == "1 grants and 1 entries add up, and say what the invoices say.\n"
    tamper("UPDATE invoicing_creditentry SET amount_minor = 1")
    with pytest.raises(CommandError, match=r"^1 differences\.$") as caught:
        call_command("check_credits", stdout=out)
    assert caught.value.returncode == 1
    assert "does not begin with the 2500 that were granted" in out.getvalue()
