"""The credit report: what customers have left, how it moved, and what was earned without being used."""

import csv
from datetime import timedelta
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from amberflow.admin_base import render_page
from amberflow.lib.money import from_minor, plain
from invoicing.credit_report import MOVEMENTS, credit_movements
from invoicing.ranges import RANGES, DayRange, read_days


def credit_report_page(request: HttpRequest) -> HttpResponse:
    """The page; the days are in its address."""
    days = _days(request)
    return render_page(
        request,
        "admin/invoicing/creditgrant/report.html",
        title="Credit report",
        days=days,
        ranges=RANGES.items(),
        last_day=days.end - timedelta(days=1),
        rows=credit_movements(start=days.start, end=days.end),
        csv_url=f"{reverse('admin:credit_report_csv')}?{urlencode(days.parameters)}",
    )


def credit_report_csv(request: HttpRequest) -> HttpResponse:
    """The table as CSV, in major units."""
    days = _days(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="credits-{days.start}-{days.end}.csv"'
    writer = csv.writer(response)
    writer.writerow(["currency", "kind", "opening", *MOVEMENTS, "closing", "breakage"])
    for row in credit_movements(start=days.start, end=days.end):
        figures = [row.opening, *(getattr(row, kind) for kind in MOVEMENTS), row.closing, row.breakage_minor]
        amounts = ["" if figure is None else plain(from_minor(figure, row.currency)) for figure in figures]
        writer.writerow([row.currency, row.kind, *amounts])
    return response


def _days(request: HttpRequest) -> DayRange:
    if not request.user.has_perm("invoicing.view_creditgrant"):
        raise PermissionDenied
    return read_days(request.GET, today=timezone.now().date())
