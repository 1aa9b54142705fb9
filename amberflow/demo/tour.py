"""The addresses that the tour in README.md begins with."""

from django.conf import settings

from invoicing.models import Invoice, InvoiceStatus

TOUR_CUSTOMER = "halden-legal"


def tour_links() -> list[tuple[str, str]]:
    """Names and addresses of a paid invoice and of the current draft of the tour's customer, if they are there."""
    of_customer = Invoice.objects.filter(customer__external_id=TOUR_CUSTOMER).order_by("-period__start_date")
    links = []
    for name, status in (("A paid invoice", InvoiceStatus.PAID), ("Draft of the tour", InvoiceStatus.DRAFT)):
        invoice = of_customer.filter(status=status).first()
        if invoice is not None:
            links.append((name, f"{settings.PUBLIC_URL}/invoices/{invoice.token}/"))
    return links
