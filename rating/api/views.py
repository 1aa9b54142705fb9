"""Simulations over HTTP: small ones are answered at once, large ones by a task."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from amberflow.api import PROBLEM, ProblemError
from amberflow.lib.exact_json import JsonError, loads
from customers.models import ApiKey
from metering.api.body import RawBodyParser
from rating.api import schema
from rating.models import Simulation
from rating.services.simulation import answer, is_small, start_simulation


class SimulationsView(APIView):
    """Asks what customers would have paid under other terms."""

    parser_classes = [RawBodyParser]
    required_scope = ApiKey.Scope.BILLING_READ

    @extend_schema(
        operation_id="simulate",
        summary="Simulate other terms",
        description=schema.DESCRIPTION,
        request={"application/json": schema.REQUEST},
        responses={
            200: OpenApiResponse(schema.ANSWER, description="The answer."),
            202: OpenApiResponse(schema.ANSWER, description="A task works on it: ask for it by its id."),
            400: OpenApiResponse(PROBLEM, description="The question can't be read; `field` is the path in it."),
        },
        examples=schema.EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        document = _read(request.data)
        if is_small(request=document):
            return Response({"id": None, "status": "done", "results": answer(request=document)})
        simulation = start_simulation(request=document)
        return Response(_shown(simulation), status=status.HTTP_202_ACCEPTED)


class SimulationView(APIView):
    """A simulation that a task works on, or has answered."""

    required_scope = ApiKey.Scope.BILLING_READ

    @extend_schema(operation_id="get_simulation", summary="A simulation", responses={200: schema.ANSWER, 404: PROBLEM})
    def get(self, request: Request, simulation_id: int) -> Response:
        simulation = Simulation.objects.filter(pk=simulation_id).first()
        if simulation is None:
            raise ProblemError(f"There is no simulation {simulation_id}.", code="unknown_simulation", field="id")
        return Response(_shown(simulation))


def _read(body: Any) -> Any:
    try:
        return loads(body if isinstance(body, bytes) else b"")
    except JsonError as error:
        raise ProblemError(f"The body can't be read: {error}", code="invalid_body") from None


def _shown(simulation: Simulation) -> dict[str, Any]:
    return {
        "id": simulation.pk,
        "status": simulation.status,
        "problem": simulation.problem,
        "done": simulation.done,
        "total": simulation.total,
        "results": simulation.results,
    }
