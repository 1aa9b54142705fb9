"""How an example invoice comes out, on its page."""

from typing import Any

from django.http import HttpRequest

from amberflow.admin_base import Panel, add_panel
from pricing.engine.document import DocumentError
from pricing.models import PlanExample
from rating.services.plan_examples import run_example


def _result_panel(request: HttpRequest, example: PlanExample) -> Panel:
    context: dict[str, Any] = {"example": example, "currency": example.plan_version.currency}
    try:
        context["result"] = run_example(row=example)
    except DocumentError as error:
        context["error"] = str(error)
    return Panel("admin/rating/planexample/result.html", context)


add_panel(PlanExample, _result_panel)
