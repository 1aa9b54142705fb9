from django.conf import settings
from django.db import models

from amberflow.model_fields import choices_constraint


class SimulationStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class Simulation(models.Model):
    """A question of the kind “what would these customers have paid under other terms”, and its answer.

    `request` is the document that was asked with. `results` fill customer by customer, so that a run that was cut off
    goes on where it was; nothing else is ever written by a simulation.
    """

    Status = SimulationStatus

    name = models.CharField(max_length=200)
    request = models.JSONField()
    status = models.CharField(max_length=16, choices=SimulationStatus, default=SimulationStatus.WAITING)
    problem = models.TextField(blank=True)
    done = models.PositiveIntegerField(default=0, help_text="Customers that are computed.")
    total = models.PositiveIntegerField(default=0, help_text="Customers that were asked for.")
    results = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [choices_constraint("status", SimulationStatus, name="rating_simulation_status")]

    def __str__(self) -> str:
        return self.name
