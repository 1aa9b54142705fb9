"""What happened and what it cost: meters, events, rollups, events that could not be taken, the cost book."""

from metering.models.changed_usage import ChangedUsage
from metering.models.cost_book import CostModel, CostRate
from metering.models.customer_alias import CustomerAlias
from metering.models.dimension_change import DimensionChange, DimensionChangeStart
from metering.models.event import Event, EventBatch, EventIdentity, ReportedCall, UnclaimedEvents
from metering.models.event_correction import CorrectionRun, EventCorrection
from metering.models.event_month import EventMonth
from metering.models.event_type import EventType
from metering.models.ingestion_policy import IngestionPolicy
from metering.models.meter import Meter
from metering.models.model_alias import ModelAlias
from metering.models.quarantine_run import QuarantineRun
from metering.models.rejected_event import RejectedEvent
from metering.models.request_log import ApiRequest
from metering.models.series import Series
from metering.models.timezone_change import TimezoneChange
from metering.models.usage import UsageDay, UsageDelta
from metering.models.usage_import import UsageImport
from metering.models.usage_rebuild import IngestionChange, UsageRebuild
from metering.models.usage_stats import UsageAmountDay, UsageStatDay, UsageStatDelta, UsageUniqueDay

__all__ = [
    "ApiRequest",
    "ChangedUsage",
    "CorrectionRun",
    "CostModel",
    "CostRate",
    "CustomerAlias",
    "DimensionChange",
    "DimensionChangeStart",
    "Event",
    "EventBatch",
    "EventCorrection",
    "EventIdentity",
    "EventMonth",
    "EventType",
    "IngestionChange",
    "IngestionPolicy",
    "Meter",
    "ModelAlias",
    "QuarantineRun",
    "RejectedEvent",
    "ReportedCall",
    "Series",
    "TimezoneChange",
    "UnclaimedEvents",
    "UsageAmountDay",
    "UsageDay",
    "UsageDelta",
    "UsageImport",
    "UsageRebuild",
    "UsageStatDay",
    "UsageStatDelta",
    "UsageUniqueDay",
]
