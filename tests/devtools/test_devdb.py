"""The embedded database: start, stop, recovery, and what an interrupted set-up leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from amberflow import devdb
from amberflow.devtools import cluster, places
from amberflow.devtools.processes import command_line, wait_until_gone


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with one initialised database cluster, made once."""
    return tmp_path_factory.mktemp("devdb")


@pytest.fixture
def home(base, monkeypatch):
    """A home whose server is stopped afterwards; the cluster in it is shared by the tests of this file."""
    monkeypatch.setenv("AMBERFLOW_HOME", str(base / "home"))
    yield base / "home"
    devdb.stop()


@pytest.fixture
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AMBERFLOW_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    devdb.stop()


def connect():
    return psycopg.connect(host=str(devdb.socket_dir()), user="postgres", dbname="postgres", autocommit=True)


def test_starts_once_and_stops(home):
    assert devdb.start() is True
    assert devdb.start() is False
    assert devdb.stop() is True
    assert devdb.stop() is False


def test_what_is_acknowledged_is_on_disk_and_only_reachable_through_a_private_socket(home):
    devdb.start()
    with connect() as connection:
        shown = {
            name: connection.execute(f"show {name}").fetchone()[0]
            for name in ("fsync", "synchronous_commit", "listen_addresses", "TimeZone")
        }
    assert shown == {"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "TimeZone": "UTC"}
    assert devdb.socket_dir().stat().st_mode & 0o777 == 0o700


def test_a_committed_row_survives_kill_9_of_the_server(home):
    devdb.start()
    with connect() as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept values (7)")
    killed = cluster.server_pid()
    os.kill(killed, signal.SIGKILL)
    assert wait_until_gone([killed], seconds=5)
    assert devdb.start() is True
    with connect() as connection:
        assert connection.execute("select n from kept").fetchall() == [(7,)]
        connection.execute("drop table kept")


def test_a_number_in_the_pid_file_that_belongs_to_another_program_is_not_the_server(home):
    devdb.start()
    devdb.stop()
    (home / "db" / "postmaster.pid").write_text(f"{os.getpid()}\n{home / 'db'}\n")
    assert devdb.stop() is False
    assert command_line(os.getpid())
    assert devdb.start() is True


def test_a_server_whose_socket_was_swept_away_is_replaced(home, monkeypatch):
    devdb.start()
    first = cluster.server_pid()
    (devdb.socket_dir() / places.SOCKET_FILE).unlink()
    monkeypatch.setattr(devdb, "_answers_soon", lambda: cluster.answers(cluster.binaries()))
    assert devdb.start() is True
    assert cluster.server_pid() != first
    with connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_create_database_tells_whether_it_was_there(home):
    devdb.start()
    assert devdb.create_database("one") is True
    assert devdb.create_database("one") is False


def test_two_starters_at_once_agree_on_one_server(home):
    words = [sys.executable, "-m", "amberflow.devdb", "start"]
    pair = [subprocess.Popen(words, cwd=places.CHECKOUT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0].split(":")[0] for process in pair)
    assert said == ["database started", "database was running already"]


def test_the_last_user_stops_the_server_and_others_are_not_disturbed(home):
    with devdb.in_use() as started:
        assert started is True
        with devdb.in_use() as started_again:
            assert started_again is False
        assert cluster.server_pid()
        with pytest.raises(devdb.DevDatabaseError, match="in use by a running demo or test run"):
            devdb.destroy()
    assert cluster.server_pid() is None


def test_a_server_started_by_hand_outlives_its_users(home):
    assert devdb.main(["start"]) == 0
    with devdb.in_use() as started:
        assert started is False
    assert cluster.server_pid()
    assert devdb.main(["status"]) == 0
    assert devdb.main(["stop"]) == 0
    assert devdb.main(["status"]) == 3


def test_an_interrupted_initdb_is_done_again(empty_home):
    draft = empty_home / "db.new-1"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    assert devdb.start() is True
    assert not draft.exists()
    devdb.destroy()
    assert not (empty_home / "db").exists()
    assert not devdb.socket_dir().exists()


def test_a_data_folder_without_a_database_is_refused_with_the_remedy(empty_home):
    (empty_home / "db").mkdir(parents=True)
    (empty_home / "db" / "base").touch()
    with pytest.raises(devdb.DevDatabaseError, match=r"PG_VERSION is missing.* rm -rf '.*/home/db'"):
        devdb.start()


def test_a_database_of_another_postgresql_is_refused_with_the_remedy(empty_home):
    (empty_home / "db").mkdir(parents=True)
    (empty_home / "db" / "PG_VERSION").write_text("11\n")
    with pytest.raises(devdb.DevDatabaseError, match="was made by PostgreSQL 11"):
        devdb.start()


def test_a_long_path_gets_a_short_private_socket_folder(tmp_path, monkeypatch):
    long = tmp_path / ("deep" * 30)
    monkeypatch.setenv("AMBERFLOW_HOME", str(long))
    folder = devdb.socket_dir()
    assert len(os.fsencode(folder / places.SOCKET_FILE)) <= places.LONGEST_SOCKET_PATH
    assert devdb.socket_dir() == folder
    monkeypatch.setenv("AMBERFLOW_HOME", str(long) + "x")
    assert devdb.socket_dir() != folder
    monkeypatch.setenv("AMBERFLOW_HOME", str(long))
    try:
        assert devdb.start() is True
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        devdb.destroy()
    assert not folder.exists()


def test_a_socket_folder_open_to_others_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("AMBERFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "run").mkdir(parents=True)
    (tmp_path / "home" / "run").chmod(0o755)
    with pytest.raises(devdb.DevDatabaseError, match="is not private to you"):
        devdb.start()


def test_missing_programs_name_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(devdb.DevDatabaseError, match=r"PG_BIN=.* has no postgres, initdb, .* or set PG_BIN"):
        devdb.start()


def test_a_home_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AMBERFLOW_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(devdb.DevDatabaseError, match="set AMBERFLOW_HOME to a folder of your own"):
        devdb.start()


def test_the_home_of_a_checkout_is_inside_it(monkeypatch):
    monkeypatch.delenv("AMBERFLOW_HOME", raising=False)
    assert devdb.home() == Path(places.CHECKOUT) / ".amberflow"
