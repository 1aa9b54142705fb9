"""The prices of a plan version, or of a file, in the form in which versions are compared."""

from typing import Any

from pricing.documents import document_of, engine_price
from pricing.engine.diff import VersionDiff, diff_versions
from pricing.engine.document import DocumentError, price_document
from pricing.exchange.plan_file import PlanFile
from pricing.models import PlanVersion

Comparable = dict[str, dict[str, Any]]


def compare_versions(old: PlanVersion | None, new: PlanVersion) -> VersionDiff:
    """What is different in the newer version; everything is new without an older one."""
    return diff_versions(comparable_version(old) if old is not None else {}, comparable_version(new))


def comparable_version(version: PlanVersion) -> Comparable:
    """The version's prices by key with their names; of a draft's price that isn't whole, what there is."""
    found: Comparable = {}
    for row in version.prices.select_related("meter", "plan_version").prefetch_related("tiers"):
        try:
            document = price_document(engine_price(row))
        except DocumentError:
            document = document_of(row)
        found[row.key] = {"name": row.name, **document}
    return found


def comparable_file(file: PlanFile) -> Comparable:
    """The file's prices by key with their names."""
    return {price.key: {"name": price.name, **price.document} for price in file.prices}
