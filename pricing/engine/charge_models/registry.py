"""The charge models by name. A new one is a file beside this and an entry here."""

from pricing.engine.charge_models.cost_plus import COST_PLUS
from pricing.engine.charge_models.flat import FLAT
from pricing.engine.charge_models.graduated import GRADUATED
from pricing.engine.charge_models.graduated_package import GRADUATED_PACKAGE
from pricing.engine.charge_models.graduated_percentage import GRADUATED_PERCENTAGE
from pricing.engine.charge_models.model import ChargeModel
from pricing.engine.charge_models.package import PACKAGE
from pricing.engine.charge_models.per_unit import PER_UNIT
from pricing.engine.charge_models.percentage import PERCENTAGE
from pricing.engine.charge_models.stairstep import STAIRSTEP
from pricing.engine.charge_models.volume import VOLUME
from pricing.engine.charge_models.volume_package import VOLUME_PACKAGE

CHARGE_MODELS: dict[str, ChargeModel] = {
    model.name: model
    for model in (
        FLAT,
        PER_UNIT,
        GRADUATED,
        VOLUME,
        STAIRSTEP,
        PACKAGE,
        GRADUATED_PACKAGE,
        VOLUME_PACKAGE,
        PERCENTAGE,
        GRADUATED_PERCENTAGE,
        COST_PLUS,
    )
}
