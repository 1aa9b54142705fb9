"""The invoice as its customer sees it, behind a link that can't be guessed."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from invoicing.page import invoice_of_token, page_of

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    # The address is the key: it must not travel on, nor be found.
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@require_safe
def invoice_page(request: HttpRequest, token: str) -> HttpResponse:
    """The invoice with that token; 404, like any address that doesn't exist, if there is none."""
    invoice = invoice_of_token(token=token)
    if invoice is None:
        raise Http404
    response = render(request, "invoicing/invoice.html", {"page": page_of(invoice=invoice)})
    for name, value in HEADERS.items():
        response[name] = value
    return response
