"""The preview route: the command's answers over HTTP, and problems that name the path."""

import json
from pathlib import Path

import pytest

from amberflow.lib.exact_json import loads
from customers.models import ApiKey
from pricing.api import schema
from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.discounts import KIND_ORDER
from pricing.engine.preview import answer_preview
from tests.factories import make_api_key

pytestmark = pytest.mark.django_db

URL = "/api/v1/pricing/preview"
PRICE = {"model": "per_unit", "currency": "USD", "unit_price": "0.1"}


def golden(name):
    return loads((Path(__file__).parents[1] / "golden" / f"{name}.json").read_text())


@pytest.fixture
def send(client):
    _, text = make_api_key(ApiKey.Scope.USAGE_READ)

    def post(body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post(URL, data=data, content_type="application/json", headers={"x-api-key": text})

    return post


def problem(response, status=400):
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    return response.json()


def test_one_preview_is_what_the_command_answers(send):
    document = {"id": "a", "price": PRICE, "quantity": "30", "unit": "call"}
    response = send(document)
    assert response.status_code == 200
    assert response.json() == answer_preview(document)
    assert response.json()["amount"] == "3"


def test_numbers_are_read_as_they_are_written(send):
    """As a binary float 0.1 × 3 is 0.30000000000000004, and 10^16 + 0.1 has no decimals."""
    body = b'{"price": {"model": "per_unit", "currency": "USD", "unit_price": 0.1}, "quantity": 10000000000000000.1}'
    assert send(body).json()["amount"] == "1000000000000000.01"


def test_worked_examples_come_out_the_same_over_http(send):
    cases = [case for name in ("prices", "published_prices", "published_totals") for case in golden(name)]
    fields = ("id", "price", "quantity", "events", "discounts")
    documents = [{field: case[field] for field in fields if field in case} for case in cases]
    answers = send({"previews": documents}).json()["previews"]
    assert [(each["id"], each.get("amount"), each.get("rounded")) for each in answers] == [
        (case["id"], case["amount"], case["rounded"]) for case in cases
    ]


def test_a_list_is_answered_one_by_one(send):
    good = {"id": 1, "price": PRICE, "quantity": 1}
    bad = {"id": 2, "price": {**PRICE, "unit_price": "-1"}, "quantity": 1}
    response = send({"previews": [good, bad, good, 7]})
    assert response.status_code == 200
    answers = response.json()["previews"]
    assert [answer["id"] for answer in answers] == [1, 2, 1, None]
    assert [answer.get("rounded") for answer in answers] == ["0.1", None, "0.1", None]
    assert answers[1] == {
        "id": 2,
        "code": "negative",
        "path": "price.unit_price",
        "error": "price.unit_price: -1 is below 0; use 0 or more, and a discount to give money back.",
    }


@pytest.mark.parametrize(
    ("body", "code", "field", "detail"),
    [
        (
            b"",
            "invalid_body",
            None,
            "The body can't be read: not JSON: expecting value at line 1, column",
        ),
        (
            b'{"id": 1, "id": 2}',
            "invalid_body",
            None,
            "The body can't be read: an object has the field 'id' twice;",
        ),
        (b'{"id": "\\ud800"}', "invalid_body", None, "The body can't be read: a text has half of a surrogate pair,"),
        (b"\xff", "invalid_body", None, "The body can't be read: the text is not UTF-8; send it in UTF-8."),
        ([], "type", None, "[] is not a preview; write an object with price and quantity."),
        ({"quantity": 1}, "missing", "price", "a preview needs a price; add a price document."),
        ({"price": PRICE}, "missing", "quantity", "a preview needs a quantity or events; add one of them."),
        ({"price": {**PRICE, "tiers": [{}]}, "quantity": 1}, "tier_open", "price.tiers[0].up_to", ""),
        ({"previews": 7}, "type", "previews", "previews is not a list: write a list of previews."),
        ({"previews": [], "price": PRICE}, "unknown_field", "price", "'price' stands beside previews: put it into"),
    ],
)
def test_what_cannot_be_priced_is_a_problem_with_the_path(send, body, code, field, detail):
    if code == "tier_open":
        body = {"price": {"model": "graduated", "currency": "USD", "tiers": [{"unit_price": 1}] * 2}, "quantity": 1}
        detail = "only the last tier may be open-ended; give this one an end, or remove those after it."
    answer = problem(send(body))
    assert (answer["code"], answer.get("field")) == (code, field)
    assert answer["detail"].startswith(detail)


def test_a_thousand_are_answered_and_one_more_is_too_many(send):
    one = {"price": PRICE, "quantity": "1"}
    assert len(send({"previews": [one] * 1000}).json()["previews"]) == 1000
    assert problem(send({"previews": [one] * 1001}), 413)["code"] == "too_large"


def test_a_key_is_needed_and_any_valid_one_will_do(client):
    body = json.dumps({"price": PRICE, "quantity": 1})
    assert problem(client.post(URL, body, content_type="application/json"), 401)["code"] == "not_authenticated"
    _, text = make_api_key(ApiKey.Scope.USAGE_WRITE)
    headers = {"Authorization": f"Bearer {text}"}
    assert client.post(URL, body, content_type="application/json", headers=headers).status_code == 200


def test_the_description_knows_each_model_kind_and_field(client):
    described = client.get("/api/schema/?format=json").json()
    assert described["paths"][URL]["post"]["operationId"] == "preview_price"
    properties = schema.PRICE["properties"]
    assert properties["model"]["enum"] == list(CHARGE_MODELS)
    assert {field for model in CHARGE_MODELS.values() for field in model.fields} <= set(properties)
    discount = schema.REQUEST["oneOf"][0]["properties"]["discounts"]["items"]
    assert discount["properties"]["kind"]["enum"] == list(KIND_ORDER)


@pytest.mark.parametrize("example", schema.EXAMPLES[:2], ids=lambda example: example.summary or "example")
def test_the_examples_in_the_description_work(send, example):
    answer = send(example.value).json()
    answers = answer.get("previews", [answer])
    assert [each["amount"] for each in answers] == ["38", "7.326"][: len(answers)]
    if len(answers) == 1:
        assert answer == schema.EXAMPLES[2].value
