"""Credits over HTTP: granted, listed, balanced and revoked by the services that the back office uses."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM, ProblemError
from amberflow.lib.errors import DomainError
from customers.models import ApiKey, Customer
from invoicing.api import schema
from invoicing.api.bodies import GrantBody, RevokeBody, read_body
from invoicing.api.shown import shown_balances, shown_entry, shown_grant
from invoicing.balances import with_balances
from invoicing.models import CreditGrant
from invoicing.services.credits import grant_credits_once, revoke_credits_once
from metering.api.body import RawBodyParser

READ, WRITE = ApiKey.Scope.BILLING_READ, ApiKey.Scope.BILLING_WRITE
MAX_GRANTS, GRANTS = 1000, 100
MAX_KEY = 200


class NotFoundError(ProblemError):
    """What is asked for is not there."""

    status_code = status.HTTP_404_NOT_FOUND


class ConflictError(ProblemError):
    """The idempotency key was used for something else."""

    status_code = status.HTTP_409_CONFLICT


class _BillingView(APIView):
    """Reading needs one scope, writing another."""

    parser_classes = [RawBodyParser]

    @property
    def required_scope(self) -> str:
        """The scope that the key of this request needs."""
        return READ if self.request.method in ("GET", "HEAD", "OPTIONS") else WRITE


class CreditsView(_BillingView):
    """Lists grants, and makes them."""

    @extend_schema(
        operation_id="list_credits",
        summary="Credit grants, newest first",
        description=schema.LIST_DESCRIPTION,
        parameters=[
            OpenApiParameter("customer", str, description="External id; all customers without it."),
            OpenApiParameter("currency", str),
            OpenApiParameter("limit", int, description=f"1 to {MAX_GRANTS}; {GRANTS} without it."),
            OpenApiParameter("before", int, description="Only grants older than this id: `next` of the last answer."),
        ],
        responses={200: schema.GRANTS, 400: PROBLEM, 404: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        grants = CreditGrant.objects.select_related("customer").order_by("-pk")
        if "customer" in request.GET:
            grants = grants.filter(customer=_customer(request.GET["customer"]))
        if request.GET.get("currency"):
            grants = grants.filter(currency=request.GET["currency"].upper())
        if "before" in request.GET:
            grants = grants.filter(pk__lt=_number(request, "before", 0, 2**63 - 1))
        limit = _number(request, "limit", GRANTS, MAX_GRANTS)
        found = list(with_balances(grants)[: limit + 1])
        return Response(
            {
                "grants": [shown_grant(grant) for grant in found[:limit]],
                "next": found[limit - 1].pk if len(found) > limit else None,
            }
        )

    @extend_schema(
        operation_id="grant_credits",
        summary="Grant credits",
        description=schema.GRANT_DESCRIPTION,
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)],
        request={"application/json": schema.GRANT_REQUEST},
        responses={
            201: OpenApiResponse(schema.GRANT, description="Granted."),
            200: OpenApiResponse(schema.GRANT, description="Granted before, by a request with the same key."),
            400: OpenApiResponse(PROBLEM, description="It can't be granted; `field` says what is wrong."),
            404: OpenApiResponse(PROBLEM, description="There is no such customer."),
            409: OpenApiResponse(PROBLEM, description="The key was used for another grant."),
        },
        examples=schema.EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        key = _idempotency_key(request)
        body = read_body(request.data, GrantBody)
        customer = _customer(body.customer)
        terms = {
            **body.terms(),
            "customer_id": customer.pk,
            "reason": _signed(request, body.reason),
            "now": timezone.now(),
        }
        try:
            grant, is_new = grant_credits_once(idempotency_key=key, terms=terms)
        except DomainError as error:
            if error.code == "idempotency_key_used":
                raise ConflictError(error.message, code=error.code, field="Idempotency-Key") from None
            raise
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(_one(grant.pk), status=code)


class CreditBalanceView(_BillingView):
    """What a customer has left."""

    @extend_schema(
        operation_id="get_credit_balance",
        summary="What a customer has left",
        description=schema.BALANCE_DESCRIPTION,
        parameters=[OpenApiParameter("customer", str, required=True, description="External id.")],
        responses={200: schema.BALANCE, 400: PROBLEM, 404: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        if not request.GET.get("customer"):
            raise ProblemError("customer is missing: add ?customer=EXTERNAL_ID.", code="missing", field="customer")
        return Response(shown_balances(_customer(request.GET["customer"])))


class CreditView(_BillingView):
    """One grant."""

    @extend_schema(
        operation_id="get_credit",
        summary="A grant with its ledger",
        responses={200: schema.GRANT_WITH_LEDGER, 404: PROBLEM},
    )
    def get(self, request: Request, grant_id: int) -> Response:
        return Response(_one(grant_id))


class RevokeCreditView(_BillingView):
    """Takes a grant back."""

    @extend_schema(
        operation_id="revoke_credits",
        summary="Take back what is left of a grant",
        description=schema.REVOKE_DESCRIPTION,
        request={"application/json": schema.REVOKE_REQUEST},
        responses={200: schema.GRANT_WITH_LEDGER, 400: PROBLEM, 404: PROBLEM},
    )
    def post(self, request: Request, grant_id: int) -> Response:
        body = read_body(request.data, RevokeBody)
        _one(grant_id)
        revoke_credits_once(grant_id=grant_id, reason=_signed(request, body.reason), now=timezone.now())
        return Response(_one(grant_id))


def _one(grant_id: int) -> dict[str, Any]:
    grant = with_balances(CreditGrant.objects.filter(pk=grant_id).select_related("customer")).first()
    if grant is None:
        raise NotFoundError(f"There is no credit grant {grant_id}.", code="unknown_grant", field="id")
    entries = grant.entries.select_related("invoice").order_by("pk")
    return {**shown_grant(grant), "entries": [shown_entry(entry, grant.currency) for entry in entries]}


def _customer(external_id: str) -> Customer:
    customer = Customer.objects.filter(external_id=external_id).first()
    if customer is None:
        raise NotFoundError(
            f"No customer has the external id {external_id[:100]!r}.", code="unknown_customer", field="customer"
        )
    return customer


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.GET.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise ProblemError(f"{name} {text[:40]!r} is not a number from 1 to {most}.", code="bad_number", field=name)
    return int(text)


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > MAX_KEY:
        raise ProblemError(
            f"The header Idempotency-Key is needed, with 1 to {MAX_KEY} characters of your choice, such as the order's "
            "number: a request that is sent again with the same key grants nothing twice.",
            code="idempotency_key_missing",
            field="Idempotency-Key",
        )
    return key


def _signed(request: Request, reason: str) -> str:
    """The reason with the key that gave it, as there is no user; an empty reason stays empty and is refused."""
    assert isinstance(request.auth, ApiKey)
    return f"{reason.strip()} (API key {request.auth.name})" if reason.strip() else ""
