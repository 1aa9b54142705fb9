"""Addresses that don't exist."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/v1/billing/meters", "/v2/billing/nothing", "/1.0/kb/accounts"])
def test_programs_get_a_document(client, path):
    for method in (client.get, client.post):
        response = method(path)
        document = response.json()
        assert (response.status_code, document["code"]) == (404, "not_found")
        assert response["Content-Type"] == "application/problem+json"
        assert path in document["detail"] == document["message"] == document["error"]["message"]


def test_people_get_a_page(client):
    response = client.get("/nothing")
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (404, "text/html")
