"""Says which model of the cost book a name that calls carry stands for."""

from django.db import transaction

from amberflow.lib.errors import DomainError
from metering.costbook.aliases import MANY, Alias
from metering.costbook.book import forget_book
from metering.models import ModelAlias
from metering.queries import UncostedModel, uncosted_models


def check_alias(*, provider: str, pattern: str) -> tuple[str, str]:
    """Both names as they are stored, in lower case. Raises DomainError naming the field."""
    provider, pattern = provider.strip().lower(), pattern.strip().lower()
    if not pattern:
        raise DomainError("pattern_missing", "pattern is empty: write the model as calls carry it.", field="pattern")
    if not provider and not pattern.replace(MANY, "").strip():
        raise DomainError(
            "pattern_too_wide",
            f"pattern {pattern} would give every unknown model the same cost: name a provider, or a part of the name.",
            field="pattern",
        )
    return provider, pattern


@transaction.atomic
def save_model_alias(*, alias: ModelAlias) -> None:
    """Add or change an alias. Running processes use it within seconds.

    Calls that have a cost keep it; recost_events costs those that had none. Raises DomainError naming the field.
    """
    alias.provider, alias.pattern = check_alias(provider=alias.provider, pattern=alias.pattern)
    alias.save()
    transaction.on_commit(forget_book)


@transaction.atomic
def delete_model_alias(*, alias: ModelAlias) -> None:
    """Take an alias away: calls from now on that only it matched have no known cost."""
    alias.delete()
    transaction.on_commit(forget_book)


def uncosted_models_of(*, provider: str, pattern: str) -> list[UncostedModel]:
    """The models without a cost rate that an alias would match. Raises DomainError if it can't be one."""
    provider, pattern = check_alias(provider=provider, pattern=pattern)
    alias = Alias(provider, pattern, 0, "")
    return [each for each in uncosted_models() if alias.matches(provider=each.provider, model=each.model)]
