"""What the clock does for rating."""

from django.utils import timezone

from amberflow.only_one import only_one
from rating.services import simulation
from rating.services.freeze import find_late_usage


def notice_late_usage() -> str:
    """Find usage that changed after its period was frozen."""
    with only_one("notice_late_usage") as mine:
        return f"{find_late_usage(now=timezone.now())} periods with late usage" if mine else "running already"


def run_simulation(simulation_id: int) -> str:
    """Work out the answer of a simulation that is too large to wait for."""
    answered = simulation.run_simulation(simulation_id=simulation_id)
    return f"{answered}: {answered.done} customers, {answered.status}"
