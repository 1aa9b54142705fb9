"""Simulations: the periods of chosen customers rated once more under other terms, on copies of their inputs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from amberflow.lib.errors import DomainError
from amberflow.lib.money import plain, use_money_context
from pricing.term_prices import prices_of_version
from rating.engine.inputs import PeriodInput
from rating.engine.rated import RatingError
from rating.engine.simulate import Amounts, Change, PeriodDifference, simulate_period
from rating.models import BillingPeriod, Simulation
from rating.services.freeze import frozen_input
from rating.services.inputs import period_input, price_input
from rating.services.simulation_request import Question, read_question

# What is answered at once; more periods than that are a task's work.
AT_ONCE = 24


@transaction.atomic
def start_simulation(*, request: Mapping[str, Any], name: str = "", user: User | None = None) -> Simulation:
    """Keep the question; its answer comes from `run_simulation`, by a task if there are many periods.

    Raises DomainError naming the field of the request that is wrong, or when no period is asked for.
    """
    question = read_question(request)
    customers = {period.subscription.customer_id for period in _periods(question)}
    if not customers:
        raise DomainError("no_periods", "No billing period of these customers begins on those days.", field="start")
    simulation = Simulation.objects.create(
        name=name or f"{question.start} to {question.end}", request=dict(request), total=len(customers), created_by=user
    )
    transaction.on_commit(lambda: async_task("rating.tasks.run_simulation", simulation.pk), robust=True)
    return simulation


def is_small(*, request: Mapping[str, Any]) -> bool:
    """Whether the question is answered at once. Raises DomainError naming the field that is wrong."""
    return bool(_periods(read_question(request)).count() <= AT_ONCE)


def answer(*, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of a question by customer, in each currency those for whom most changes first. Writes nothing."""
    question = read_question(request)
    return ranked([_result(*each, question) for each in _by_customer(question)])


def run_simulation(*, simulation_id: int, now: datetime | None = None) -> Simulation:
    """Work out the answer, customer by customer; what is there already stays. May run twice, or die half-way."""
    simulation = Simulation.objects.get(pk=simulation_id)
    if simulation.status == Simulation.Status.DONE:
        return simulation
    try:
        question = read_question(simulation.request)
        known = {_whose(result) for result in simulation.results}
        for name, currency, periods in _by_customer(question):
            if (name, currency) not in known:
                _keep(simulation_id, _result(name, currency, periods, question))
    except DomainError as error:
        Simulation.objects.filter(pk=simulation_id).update(status=Simulation.Status.FAILED, problem=error.message)
        return Simulation.objects.get(pk=simulation_id)
    return _finish(simulation_id, now or timezone.now())


@transaction.atomic
def _keep(simulation_id: int, result: dict[str, Any]) -> None:
    simulation = Simulation.objects.select_for_update().get(pk=simulation_id)
    if all(_whose(known) != _whose(result) for known in simulation.results):
        simulation.results = [*simulation.results, result]
        simulation.done, simulation.status = _customers(simulation.results), Simulation.Status.RUNNING
        simulation.save(update_fields=["results", "done", "status"])


@transaction.atomic
def _finish(simulation_id: int, now: datetime) -> Simulation:
    simulation = Simulation.objects.select_for_update().get(pk=simulation_id)
    simulation.results = ranked(simulation.results)
    simulation.done = simulation.total = _customers(simulation.results)
    simulation.status, simulation.finished_at = Simulation.Status.DONE, now
    simulation.save()
    return simulation


def _whose(result: Mapping[str, Any]) -> tuple[str, str]:
    """A customer who pays in two currencies has a result in each: amounts of two currencies have no sum."""
    return result["customer"], result["currency"]


def _customers(results: Sequence[Mapping[str, Any]]) -> int:
    return len({result["customer"] for result in results})


@use_money_context()
def totals(results: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Amounts, Amounts]]:
    """What all customers together come to before and after, by currency, in the order of the results."""
    found: dict[str, tuple[Amounts, Amounts]] = {}
    for result in results:
        before, after = found.get(result["currency"], (Amounts(), Amounts()))
        found[result["currency"]] = (
            before.plus(Amounts.from_json(result["before"])),
            after.plus(Amounts.from_json(result["after"])),
        )
    return found


def ranked(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In each currency losers and winners first: by how much the amount changes, whether up or down."""
    return sorted(results, key=lambda result: (result["currency"], -abs(_difference(result)), result["customer"]))


@use_money_context()
def _difference(result: Mapping[str, Any]) -> Decimal:
    before, after = result["before"], result["after"]
    return Amounts.from_json(after).amount - Amounts.from_json(before).amount


def _periods(question: Question) -> QuerySet[BillingPeriod]:
    periods = BillingPeriod.objects.filter(start_date__gte=question.start, start_date__lt=question.end)
    if question.customers is not None:
        periods = periods.filter(subscription__customer__external_id__in=question.customers)
    if question.plan is not None:
        periods = periods.filter(plan_version__plan__code=question.plan)
    return periods.select_related("subscription__customer", "subscription__plan_version").order_by(
        "subscription__customer__external_id", "subscription__plan_version__currency", "start_date", "pk"
    )


def _by_customer(question: Question) -> Iterator[tuple[str, str, list[BillingPeriod]]]:
    """The periods of each customer in each currency; one customer's are in memory at a time."""

    def whose(period: BillingPeriod) -> tuple[str, str]:
        return period.subscription.customer.external_id, period.subscription.plan_version.currency

    for (name, currency), periods in groupby(_periods(question).iterator(chunk_size=200), key=whose):
        yield name, currency, list(periods)


def _result(name: str, currency: str, periods: list[BillingPeriod], question: Question) -> dict[str, Any]:
    before, after, found, problems = Amounts(), Amounts(), [], []
    for period in periods:
        inp = _input(period)
        try:
            difference = simulate_period(inp, _change(period, inp, question))
        except RatingError as error:
            problems.append({"period": str(period), "problem": str(error)})
            continue
        with use_money_context():
            before, after = before.plus(difference.before), after.plus(difference.after)
        found.append(_period_json(period, inp, difference))
    return {
        "customer": name,
        "name": periods[0].subscription.customer.name,
        "currency": currency,
        "before": before.to_json(),
        "after": after.to_json(),
        "periods": found,
        "problems": problems,
    }


def _change(period: BillingPeriod, inp: PeriodInput, question: Question) -> Change:
    """The other terms in one period: a version's prices depend on the subscription, whose start makes fees due."""
    if question.version is None:
        return question.change
    prices = prices_of_version(
        subscription=period.subscription, version=question.version, start=inp.period.start, end=inp.period.end
    )
    return replace(question.change, plan=tuple(price_input(price) for price in prices))


def _input(period: BillingPeriod) -> PeriodInput:
    """What a period is rated from: as it was frozen, or as the database stands."""
    return frozen_input(period=period) if period.frozen_at is not None else period_input(period=period)


def _period_json(period: BillingPeriod, inp: PeriodInput, difference: PeriodDifference) -> dict[str, Any]:
    return {
        "period": str(period),
        "start": str(period.start_date),
        "end": str(period.end_date),
        "currency": inp.currency,
        "before": difference.before.to_json(),
        "after": difference.after.to_json(),
        "unpriced_before": difference.unpriced_before,
        "unpriced_after": difference.unpriced_after,
        "lines": [
            {
                "key": line.key,
                "name": line.name,
                "group": dict(line.group),
                "before": line.before.to_json(),
                "after": line.after.to_json(),
                "difference": plain(line.after.amount - line.before.amount),
            }
            for line in difference.lines
        ],
    }
