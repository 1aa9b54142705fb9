"""The charge models by name. A new one is a file beside this and an entry here."""

from pricing.engine.charge_models.flat import FLAT
from pricing.engine.charge_models.graduated import GRADUATED
from pricing.engine.charge_models.model import ChargeModel
from pricing.engine.charge_models.per_unit import PER_UNIT
from pricing.engine.charge_models.volume import VOLUME

CHARGE_MODELS: dict[str, ChargeModel] = {model.name: model for model in (FLAT, PER_UNIT, GRADUATED, VOLUME)}
