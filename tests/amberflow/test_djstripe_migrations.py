"""The project's migrations for dj-stripe end where dj-stripe's own end (docs/decisions/0003)."""

import pkgutil

import djstripe.migrations
import pytest
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.special import RunPython, RunSQL
from django.db.migrations.state import ModelState, ProjectState

import amberflow.djstripe_migrations


def names_in(package):
    return {module.name for module in pkgutil.iter_modules(package.__path__)}


def changes(before: ProjectState, after: ProjectState) -> dict[str, list[str]]:
    """What `makemigrations` would write to get from one state to the other, for dj-stripe."""
    found = MigrationAutodetector(before, after).changes(graph=MigrationLoader(None).graph)
    return {app: [op.describe() for migration in found[app] for op in migration.operations] for app in found}


def described(model: ModelState) -> dict:
    return {
        "fields": {name: field.deconstruct()[1:] for name, field in model.fields.items()},
        "options": {name: value for name, value in model.options.items() if value},
        "bases": model.bases,
        "managers": [name for name, _ in model.managers],
    }


def djstripe_models(state: ProjectState) -> dict[str, dict]:
    return {name: described(model) for (app, name), model in state.models.items() if app == "djstripe"}


@pytest.fixture
def ours():
    return MigrationLoader(None).project_state()


@pytest.fixture
def upstream(settings):
    settings.MIGRATION_MODULES = {}
    return MigrationLoader(None)


def test_the_names_are_those_of_dj_stripe():
    assert names_in(amberflow.djstripe_migrations) == names_in(djstripe.migrations)


def test_the_models_are_those_that_dj_stripe_uses_now(ours):
    assert changes(ours, ProjectState.from_apps(apps)).get("djstripe") is None


def test_the_models_are_those_that_dj_stripe_migrates_to(ours, upstream):
    theirs = upstream.project_state()
    assert len(djstripe_models(theirs)) == 59
    assert djstripe_models(ours) == djstripe_models(theirs)


def test_dj_stripe_runs_no_code_or_sql_that_would_be_missed(upstream):
    operations = [
        operation
        for (app, _), migration in upstream.disk_migrations.items()
        if app == "djstripe"
        for operation in migration.operations
    ]
    assert len(operations) > 500
    assert not [operation for operation in operations if isinstance(operation, RunPython | RunSQL)]


def test_a_missing_field_would_be_noticed(ours):
    del ours.models["djstripe", "invoice"].fields["customer"]
    assert changes(ours, ProjectState.from_apps(apps))["djstripe"] == ["Add field customer to invoice"]
