"""The cost book in memory, as ingestion uses it: models found by name once, price lists compiled once."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Max

from metering.costbook.aliases import Alias, strongest_first
from metering.costbook.calculate import InForce, PriceList, Rate, in_force_at, price_lists
from metering.costbook.match import MAX_NAME_LENGTH, find_in_catalogue, provider_id
from metering.costbook.names import is_bedrock_name, variants
from metering.models import CostModel, CostRate, ModelAlias

CHECKED_EVERY_S = 2.0
MAX_MATCHES = 50_000

# The last rate and their number, and the aliases: few rows, of which each edit must be noticed.
Version = tuple[int, int, tuple[Alias, ...]]


@dataclass(frozen=True, slots=True)
class CostMatch:
    """A model that a client named: the provider that was called, and the row of the cost book that prices it."""

    provider: str
    cost_model_id: int


class CostBook:
    """All rates and aliases as they stood at one moment."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._aliases = version[2]
        self._names: dict[tuple[str, str], int] = {}
        self._sellers: dict[str, list[str]] = defaultdict(list)
        self._own_providers: dict[str, set[str]] = defaultdict(set)
        self._rates: dict[int, list[Rate]] = defaultdict(list)
        self._lists: dict[int, tuple[PriceList, ...]] = {}
        # Of each model the time that was asked for last: most calls happened just now.
        self._in_force: dict[int, InForce] = {}
        self._matches: dict[tuple[str, str], CostMatch | None] = {}
        self._load()

    def match(self, *, provider: str, model: str) -> CostMatch | None:
        """The model that the client means, None if the book has no rates for it.

        A row of one's own with just this provider and name comes first, then the aliases, then the catalogue's matching
        rules, and last what these say to the name without its region, vendor, date and the like.
        """
        key = (provider, model)
        if key not in self._matches:
            if len(self._matches) >= MAX_MATCHES:
                self._matches.clear()
            self._matches[key] = self._find(provider, model)
        return self._matches[key]

    def in_force(self, match: CostMatch, instant: datetime) -> InForce:
        """What charges the model's calls at an instant, to be asked for the cost of each; holds for its own time."""
        model = match.cost_model_id
        known = self._in_force.get(model)
        if known is not None and known.since <= instant < known.until:
            return known
        lists = self._lists.get(model)
        if lists is None:
            lists = self._lists[model] = price_lists(self._rates[model])
        found = self._in_force[model] = in_force_at(lists, instant)
        return found

    def cost_parts(
        self, match: CostMatch, pools: Mapping[str, int], occurred_at: datetime
    ) -> dict[str, Decimal] | None:
        """The cost of one call by part; None when the book doesn't know it (see calculate.cost_parts)."""
        return self.in_force(match, occurred_at).cost_parts(pools)

    def _find(self, provider: str, model: str) -> CostMatch | None:
        return (
            self._find_own(provider, model)
            or self._find_alias(provider, model)
            or self._find_listed(provider, model)
            or self._find_variant(provider, model)
        )

    def _find_own(self, provider: str, model: str) -> CostMatch | None:
        own = self._own_providers.get(model, set())
        if provider in own:
            return CostMatch(provider, self._names[provider, model])
        if not provider and len(own) == 1:
            (only,) = own
            return CostMatch(only, self._names[only, model])
        return None

    def _find_alias(self, provider: str, model: str) -> CostMatch | None:
        alias = next((each for each in self._aliases if each.matches(provider=provider, model=model)), None)
        if alias is None:
            return None
        return CostMatch(provider_id(provider) if provider else alias.sold_by, alias.cost_model_id)

    def _find_listed(self, provider: str, model: str) -> CostMatch | None:
        found = find_in_catalogue(provider=provider, model=model)
        row = self._names.get((found.owner, found.model)) if found else None
        return CostMatch(found.provider, row) if found and row else None

    def _find_variant(self, provider: str, model: str) -> CostMatch | None:
        """The model under a shorter name, or, if only one provider has it, under its name alone."""
        name = model.strip().lower()
        if not name or len(name) > MAX_NAME_LENGTH:
            return None
        for variant in variants(name):
            for called in [provider] if provider else _providers_in(name):
                found = self._find_own(called, variant) or self._find_listed(called, variant)
                if found is not None:
                    return found
            sellers = [provider_id(provider)] if provider else self._sellers.get(variant, [])
            if len(sellers) == 1 and (row := self._names.get((sellers[0], variant))) is not None:
                return CostMatch(sellers[0], row)
        return None

    def _load(self) -> None:
        columns = [
            "unit",
            "price",
            "per",
            "above_input_tokens",
            "effective_from",
            "from_time",
            "until_time",
            "known_since",
            "source",
            "priority",
        ]
        names = {pk: (provider, name) for pk, provider, name in CostModel.objects.values_list("pk", "provider", "name")}
        self._names = {name: pk for pk, name in names.items()}
        for provider, name in self._names:
            self._sellers[name].append(provider)
        for model_id, *values in CostRate.objects.order_by("pk").values_list("model_id", *columns):
            rate = Rate(*values)
            self._rates[model_id].append(rate)
            if rate.priority:
                provider, name = names[model_id]
                self._own_providers[name].add(provider)


_lock = threading.Lock()
_current: CostBook | None = None
_checked_at = 0.0


def current_book() -> CostBook:
    """The book as the database has it, at most two seconds old."""
    global _current, _checked_at
    if _current is not None and time.monotonic() - _checked_at < CHECKED_EVERY_S:
        return _current
    with _lock:
        version = _stored_version()
        if _current is None or _current.version != version:
            _current = CostBook(version)
        _checked_at = time.monotonic()
        return _current


def forget_book() -> None:
    """Read the book anew when it is needed next; after rates or aliases were changed, to use them at once."""
    global _current
    _current = None


def _stored_version() -> Version:
    # Ids alone could hide a row that was committed after one with a higher id.
    found = CostRate.objects.aggregate(last=Max("pk"), rows=Count("pk"))
    aliases = ModelAlias.objects.values_list("provider", "pattern", "cost_model_id", "cost_model__provider")
    return (found["last"] or 0, found["rows"], strongest_first(Alias(*row) for row in aliases))


def _providers_in(name: str) -> list[str]:
    """Who may be meant by a call that names no provider: whom the name itself names, or anybody."""
    prefix, slash, _ = name.partition("/")
    named = [prefix] if slash else []
    return [*named, *(["bedrock"] if is_bedrock_name(name) else []), ""]
