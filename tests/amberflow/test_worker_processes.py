"""Work shared over processes: the same results however they begin, each with a connection of its own."""

import os

import pytest
from django.db import connection, transaction

from amberflow import worker_processes
from amberflow.worker_processes import in_processes, may_fork


def who(number):
    """Run in another process: its own id, its connection's, and its answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_database()")
        ((backend, database),) = cursor.fetchall()
    return os.getpid(), backend, database, number * number


def fail(number):
    raise ValueError(f"{number} can't be done")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forks", [True, False])
def test_each_process_has_its_own_connection_to_the_same_database(monkeypatch, forks):
    monkeypatch.setattr(worker_processes, "may_fork", lambda: forks)
    connection.ensure_connection()
    here = connection.settings_dict["NAME"]
    found = list(in_processes(who, [(n,) for n in range(20)], workers=2))
    own = who(2)
    assert sorted(answer for *_, answer in found) == [n * n for n in range(20)]
    assert {database for _, _, database, _ in found} == {here}
    processes = {(process, backend) for process, backend, *_ in [*found, own]}
    # No backend serves two processes, and no process changes its own.
    assert len(processes) == len({process for process, _ in processes}) == len({backend for _, backend in processes})
    assert os.getpid() not in {process for process, *_ in found}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("forks", [True, False])
def test_an_error_in_a_process_ends_the_work(monkeypatch, forks):
    monkeypatch.setattr(worker_processes, "may_fork", lambda: forks)
    with pytest.raises(ValueError, match="can't be done"):
        list(in_processes(fail, [(n,) for n in range(20)], workers=2))


@pytest.mark.django_db(transaction=True)
def test_only_a_process_with_one_thread_and_no_transaction_is_copied(monkeypatch):
    # The process that runs the tests may have threads of its own.
    monkeypatch.setattr(worker_processes.threading, "active_count", lambda: 1)
    assert may_fork()
    with transaction.atomic():
        assert not may_fork()
    monkeypatch.setattr(worker_processes.threading, "active_count", lambda: 2)
    assert not may_fork()
    monkeypatch.setattr(worker_processes.threading, "active_count", lambda: 1)
    monkeypatch.setattr(worker_processes.sys, "platform", "darwin")
    assert not may_fork()
