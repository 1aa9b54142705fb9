"""Comparing plan versions, and what is shown before one is published."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse

from amberflow.admin_base import Panel, render_page
from pricing.admin.version_diff import diff_panel
from pricing.comparison import compare_versions
from pricing.models import PlanVersion
from pricing.version_warnings import find_warnings


def previous_version(version: PlanVersion) -> PlanVersion | None:
    """The version of the plan before this one."""
    return version.plan.versions.filter(number__lt=version.number).select_related("plan").order_by("-number").first()


def compare_page(request: HttpRequest, version: PlanVersion) -> HttpResponse:
    """The version against another one of its plan: the one asked for, else the one before, else any."""
    others = list(version.plan.versions.exclude(pk=version.pk).select_related("plan").order_by("-number"))
    asked = request.GET.get("with", "")
    chosen = next((other for other in others if str(other.pk) == asked), None) or previous_version(version)
    chosen = chosen or next(iter(others), None)
    panel = None
    if chosen is not None:
        # The older one stands on the left, whichever page one came from.
        old, new = sorted((chosen, version), key=lambda each: each.number)
        panel = diff_panel(compare_versions(old, new), before=f"v{old.number}", after=f"v{new.number}")
    return render_page(
        request,
        "admin/pricing/planversion/compare.html",
        title=f"Compare {version}",
        version=version,
        others=others,
        chosen=chosen,
        panel=panel,
    )


def publishing_panel(version: PlanVersion, problems: Sequence[str]) -> Panel:
    """What to know before publishing: problems, warnings, examples, and what changes against the version before."""
    previous = previous_version(version)
    diff = (
        diff_panel(compare_versions(previous, version), before=f"v{previous.number}", after=f"v{version.number}")
        if previous is not None
        else None
    )
    examples = [{"name": example.name, "note": "comes out as expected"} for example in version.examples.all()]
    return Panel(
        "admin/pricing/planversion/publishing.html",
        {
            "problems": problems,
            "warnings": find_warnings(version=version),
            "examples": [] if problems else examples,
            "diff": diff.context if diff is not None else None,
        },
    )
