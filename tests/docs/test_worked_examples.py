"""The worked numbers in docs/algorithms are run through the engine."""

import doctest
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pricing.engine.charge_models.registry import CHARGE_MODELS
from pricing.engine.preview import answer_preview

ALGORITHMS = Path(__file__).resolve().parents[2] / "docs" / "algorithms"
PAGES = sorted(ALGORITHMS.glob("*.md"))


def price_examples() -> list[dict[str, Any]]:
    return [json.loads(block) for page in PAGES for block in re.findall(r"```json\n(.*?)```", page.read_text(), re.S)]


@pytest.mark.parametrize(
    "example", price_examples(), ids=lambda example: f"{example['price']['model']}-{example['rounded']}"
)
def test_price_documents_come_to_what_the_page_says(example: dict[str, Any]) -> None:
    document = {field: value for field, value in example.items() if field not in ("amount", "rounded")}
    answer = answer_preview(document)
    assert (answer.get("error"), answer.get("amount")) == (None, example["amount"])
    assert answer["rounded"] == example["rounded"]


@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in page.read_text()], ids=lambda page: page.name)
def test_python_examples_give_what_the_page_says(page: Path) -> None:
    results = doctest.testfile(str(page), module_relative=False)
    assert results.attempted > 0
    assert results.failed == 0


def test_every_charge_model_has_an_example() -> None:
    assert {example["price"]["model"] for example in price_examples()} == set(CHARGE_MODELS)
