"""The effect of a correction as a JSON document and as lines of text."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from amberflow.formats import days_text, money_text, number_text
from amberflow.lib.money import plain
from metering.corrections.effect import CorrectionEffect, PeriodEffect, PeriodMoney, UsageSums
from metering.models import CorrectionRun


def run_document(run: CorrectionRun | None) -> dict[str, Any] | None:
    """A correction as the API shows it; None when there was nothing to do."""
    if run is None:
        return None
    return {
        "id": run.pk,
        "kind": run.kind,
        "state": run.state,
        "reason": run.reason,
        "made_by": run.made_by,
        "made_at": run.made_at.isoformat(),
        "voided": run.voided,
        "to_send": run.to_send,
        "sent": run.sent,
        "accepted": run.accepted,
        "duplicates": run.duplicates,
        "rejected": run.rejected,
    }


def effect_document(effect: CorrectionEffect, *, with_money: bool) -> dict[str, Any]:
    """The effect with numbers as texts. Cost and amounts are left out (null) without `with_money`."""
    return {
        "removed": _sums(effect.removed, with_money),
        "added": _sums(effect.added, with_money),
        "already_voided": effect.already_voided,
        "kept": effect.kept,
        "meters": [
            {"meter": each.meter, "unit": each.unit, "removed": plain(each.removed), "added": plain(each.added)}
            for each in effect.meters
        ],
        "recounted_meters": list(effect.recounted),
        "periods": [_period(each) for each in effect.periods] if with_money else None,
    }


def effect_lines(effect: CorrectionEffect) -> Iterator[str]:
    """The effect for people, a sentence a line."""
    for verb, sums in (("no longer count", effect.removed), ("are added", effect.added)):
        if sums.events or verb != "are added":
            cost = money_text(sums.cost, settings.COST_CURRENCY)
            uncosted = f", {number_text(sums.uncosted_events)} without a cost rate" if sums.uncosted_events else ""
            yield f"{number_text(sums.events)} events {verb}; they cost {cost}{uncosted}."
    if effect.already_voided:
        yield f"{number_text(effect.already_voided)} were voided before."
    if effect.kept:
        yield f"{number_text(effect.kept)} count already with the same content and stay."
    for each in effect.meters:
        yield f"  {each.name}: −{number_text(each.removed, each.unit)}, +{number_text(each.added, each.unit)}"
    if effect.recounted:
        yield f"  counted anew: {', '.join(effect.recounted)}"
    for period in effect.periods:
        yield f"  {period_text(period)}"


def period_text(effect: PeriodEffect) -> str:
    """What becomes of a period and its invoice, in one sentence."""
    now, then = effect.before, effect.after
    name = f"{now.customer}, {now.plan}, {days_text(now.start, now.end)}"
    if effect.difference is None:
        return f"{name}: no amount ({now.problem or then.problem})"
    amounts = f"{money_text(now.amount, now.currency)} becomes {money_text(then.amount, now.currency)}"
    if not now.is_frozen:
        return f"{name}: the draft's {amounts}"
    invoice = effect.invoice or "its invoice"
    if not effect.difference:
        return f"{name}: {invoice} is final, and the amount stays"
    late = money_text(effect.difference, now.currency)
    return f"{name}: {invoice} is final and stays; {late} becomes late usage to decide on"


def _sums(sums: UsageSums, with_money: bool) -> dict[str, Any]:
    cost = {"amount": plain(sums.cost), "currency": settings.COST_CURRENCY} if with_money else None
    return {"events": sums.events, "uncosted_events": sums.uncosted_events, "cost": cost}


def _period(effect: PeriodEffect) -> dict[str, Any]:
    return {
        "customer": effect.before.customer,
        "plan": effect.before.plan,
        "start": effect.before.start.isoformat(),
        "end": effect.before.end.isoformat(),
        "currency": effect.before.currency,
        "is_final": effect.before.is_frozen,
        "invoice": effect.invoice or None,
        "before": _money(effect.before),
        "after": _money(effect.after),
        "difference": None if effect.difference is None else plain(effect.difference),
        "problem": effect.before.problem or effect.after.problem or None,
    }


def _money(money: PeriodMoney) -> dict[str, str | None]:
    return {
        "amount": None if money.amount is None else plain(money.amount),
        "cost": None if money.cost is None else plain(money.cost),
    }
