"""What OpenMeter's clients read to choose from: subjects and customers, which are one here, and values to group by."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import ProblemError
from customers.models import ApiKey, Customer
from metering.api.openmeter import find_meter, group_values, written
from metering.api.parameters import Parameters
from metering.models import Series

PAGE, MAX_PAGE = 100, 1_000
KNOWN = ("page", "pageSize", "order", "orderBy", "includeDeleted", "key", "name", "primaryEmail", "subject", "planKey",
         "expand")  # fmt: skip
ORDERS = {"id": "external_id", "name": "name", "createdAt": "created_at"}


class SubjectsView(APIView):
    """Every customer as a subject."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_openmeter_subjects", summary="The subjects in OpenMeter's format", responses=dict)
    def get(self, request: Request) -> Response:
        return Response([_subject(customer) for customer in Customer.objects.order_by("external_id")])


class SubjectView(APIView):
    """One customer as a subject."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="get_openmeter_subject", summary="A subject in OpenMeter's format", responses=dict)
    def get(self, request: Request, name: str) -> Response:
        return Response(_subject(_customer(name)))


class CustomersView(APIView):
    """The customers, without their addresses: keys that read usage are not for those."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_openmeter_customers", summary="Customers in OpenMeter's format", responses=dict)
    def get(self, request: Request) -> Response:
        parameters = Parameters(request.query_params, known=KNOWN)
        for name in ("primaryEmail", "planKey"):
            if parameters.text(name):
                raise ProblemError(f"{name} is no filter here.", code="unknown_parameter", field=name)
        page = parameters.integer("page", default=1, minimum=1, maximum=1_000_000)
        size = parameters.integer("pageSize", default=PAGE, minimum=1, maximum=MAX_PAGE)
        order = ORDERS[parameters.one_of("orderBy", ORDERS, "name")]
        descending = parameters.one_of("order", ("ASC", "DESC"), "ASC") == "DESC"
        found: QuerySet[Customer] = Customer.objects.order_by(f"-{order}" if descending else order, "pk")
        for name, field in (("key", "external_id"), ("subject", "external_id"), ("name", "name")):
            if part := parameters.text(name):
                found = found.filter(**{f"{field}__icontains": part})
        items = [_document(customer) for customer in found[(page - 1) * size : page * size]]
        return Response({"page": page, "pageSize": size, "totalCount": found.count(), "items": items})


class CustomerView(APIView):
    """One customer."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="get_openmeter_customer", summary="A customer in OpenMeter's format", responses=dict)
    def get(self, request: Request, name: str) -> Response:
        return Response(_document(_customer(name)))


class MeterSubjectsView(APIView):
    """The customers that have usage of a meter."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_openmeter_meter_subjects", summary="Subjects of a meter", responses=list[str])
    def get(self, request: Request, slug: str) -> Response:
        series = Series.objects.filter(event_type=find_meter(slug).event_type)
        return Response(sorted(series.values_list("customer__external_id", flat=True).distinct()))


class GroupValuesView(APIView):
    """The values of a dimension that a meter's usage has: `from` and `to` narrow it down."""

    required_scope = ApiKey.Scope.USAGE_READ

    @extend_schema(operation_id="list_openmeter_group_values", summary="Values to group by", responses=list[str])
    def get(self, request: Request, slug: str, dimension: str) -> Response:
        return Response(group_values(find_meter(slug), dimension, request.query_params))


def _customer(name: str) -> Customer:
    customer = Customer.objects.filter(external_id=name).first()
    if customer is None:
        raise Http404
    return customer


def _subject(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.external_id,
        "key": customer.external_id,
        "displayName": customer.name,
        "metadata": {},
        "createdAt": written(customer.created_at),
        "updatedAt": written(customer.created_at),
    }


def _document(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.external_id,
        "key": customer.external_id,
        "name": customer.name,
        "usageAttribution": {"subjectKeys": [customer.external_id]},
        "metadata": {},
        "createdAt": written(customer.created_at),
        "updatedAt": written(customer.created_at),
    }
