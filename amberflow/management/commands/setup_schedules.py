"""Writes the scheduled tasks to the task queue's table, so that the worker runs them."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django_q.models import Schedule

from amberflow.schedules import SCHEDULED_TASKS


class Command(BaseCommand):
    help = "Create or update the scheduled tasks, and remove those that are no longer known."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for task in SCHEDULED_TASKS:
            Schedule.objects.update_or_create(
                name=task.name,
                defaults={
                    "func": task.function,
                    "schedule_type": Schedule.MINUTES,
                    "minutes": task.minutes,
                    "repeats": -1,
                },
            )
            self.stdout.write(f"every {task.minutes:>5} min  {task.name}")
        Schedule.objects.exclude(name__in=[task.name for task in SCHEDULED_TASKS]).delete()
