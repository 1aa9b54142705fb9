"""Everything the stand-in remembers, in one SQLite database: objects, idempotent answers, deliveries."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Obj = dict[str, Any]

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS lines_by_invoice ON objects (json_extract(body, '$.invoice'), seq)
    WHERE kind = 'line_item';
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, event TEXT NOT NULL, status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS deliveries_pending ON deliveries (endpoint, seq) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event);
"""
COMPARISONS = {
    "is": " AND json_extract(body, ?) IS ?",
    "gt": " AND json_extract(body, ?) > ?",
    "gte": " AND json_extract(body, ?) >= ?",
    "lt": " AND json_extract(body, ?) < ?",
    "lte": " AND json_extract(body, ?) <= ?",
}
BELOW = " AND seq < (SELECT seq FROM objects WHERE id = ?)"
ABOVE = " AND seq > (SELECT seq FROM objects WHERE id = ?)"


class StateError(Exception):
    """The state file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Condition:
    """A field (dotted path below the object) compared with a value; `comparison` is a key of COMPARISONS."""

    field: str
    value: str | int | bool | None
    comparison: str = "is"


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint; `due` in seconds since the epoch."""

    seq: int
    endpoint: str
    event: str
    attempts: int
    due: float


class Store:
    """Thread-safe. Objects come out as fresh copies: change one, then `save` it inside a transaction."""

    def __init__(self, path: Path | None) -> None:
        """`path` None keeps everything in memory. Raises StateError for a file that can't be used."""
        self._lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        where = ":memory:" if path is None else str(path)
        self._db = sqlite3.connect(where, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.Error as problem:
            self._db.close()
            raise StateError(
                f"The state file {where} can't be used ({problem}). "
                "Stop the other stand-in that uses it, name another file with --state, or delete this one "
                "to start afresh."
            ) from problem

    def _prepare(self) -> None:
        # One process at a time: two would number and deliver beside each other.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"it has layout {version}, this version reads {SCHEMA_VERSION}")
        self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one at a time."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    # --- objects ----------------------------------------------------------------------------------------
    def insert(self, obj: Obj) -> None:
        self._rows(
            "INSERT INTO objects (id, kind, body) VALUES (?, ?, ?)",
            (obj["id"], obj["object"], json.dumps(obj)),
        )

    def save(self, obj: Obj) -> None:
        self._rows("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(obj), obj["id"]))

    def delete(self, identifier: str) -> None:
        self._rows("DELETE FROM objects WHERE id = ?", (identifier,))

    def get(self, identifier: str) -> Obj | None:
        rows = self._rows("SELECT body FROM objects WHERE id = ?", (identifier,))
        return json.loads(rows[0][0]) if rows else None

    def find(
        self,
        kind: str,
        *conditions: Condition,
        newest_first: bool = False,
        beyond: str | None = None,
        limit: int = -1,
    ) -> list[Obj]:
        """Objects of a kind in order of creation, after the object with the id `beyond` in that direction."""
        sql, values = "SELECT body FROM objects WHERE kind = ?", [kind]  # type: tuple[str, list[Any]]
        for condition in conditions:
            sql += COMPARISONS[condition.comparison]
            values += [f"$.{condition.field}", condition.value]
        if beyond is not None:
            sql += BELOW if newest_first else ABOVE
            values.append(beyond)
        sql += " ORDER BY seq DESC LIMIT ?" if newest_first else " ORDER BY seq ASC LIMIT ?"
        return [json.loads(body) for (body,) in self._rows(sql, [*values, limit])]

    def lines(self, invoice: str, *, limit: int = -1) -> list[Obj]:
        """The lines of an invoice in the order in which they were added."""
        rows = self._rows(
            "SELECT body FROM objects WHERE kind = 'line_item' AND json_extract(body, '$.invoice') = ?"
            " ORDER BY seq LIMIT ?",
            (invoice, limit),
        )
        return [json.loads(body) for (body,) in rows]

    def line_count(self, invoice: str) -> int:
        sql = "SELECT count(*) FROM objects WHERE kind = 'line_item' AND json_extract(body, '$.invoice') = ?"
        return int(self._rows(sql, (invoice,))[0][0])

    # --- idempotent answers -----------------------------------------------------------------------------
    def remember(self, key: str, fingerprint: str, status: int, body: str) -> None:
        self._rows("INSERT INTO answers VALUES (?, ?, ?, ?)", (key, fingerprint, status, body))

    def recall(self, key: str) -> tuple[str, int, str] | None:
        """`(fingerprint, status, body)` of the first call with this key."""
        rows = self._rows("SELECT fingerprint, status, body FROM answers WHERE key = ?", (key,))
        return rows[0] if rows else None

    # --- webhook deliveries -----------------------------------------------------------------------------
    def enqueue(self, endpoint: str, event: str) -> None:
        self._rows("INSERT INTO deliveries (endpoint, event, status) VALUES (?, ?, 'pending')", (endpoint, event))

    def next_deliveries(self) -> list[Delivery]:
        """The oldest undelivered event of each endpoint, the soonest due first."""
        rows = self._rows(
            "SELECT seq, endpoint, event, attempts, due FROM deliveries WHERE seq IN"
            " (SELECT min(seq) FROM deliveries WHERE status = 'pending' GROUP BY endpoint) ORDER BY due"
        )
        return [Delivery(*row) for row in rows]

    def postpone(self, delivery: Delivery, *, attempts: int, due: float) -> None:
        self._rows("UPDATE deliveries SET attempts = ?, due = ? WHERE seq = ?", (attempts, due, delivery.seq))

    def settle(self, delivery: Delivery, status: str) -> None:
        """`status`: delivered, failed or cancelled."""
        self._rows("UPDATE deliveries SET status = ? WHERE seq = ?", (status, delivery.seq))

    def cancel_deliveries(self, endpoint: str) -> None:
        self._rows(
            "UPDATE deliveries SET status = 'cancelled' WHERE endpoint = ? AND status = 'pending'",
            (endpoint,),
        )

    def pending_deliveries(self, event: str | None = None) -> int:
        """How many deliveries are still to be made, of one event or of all."""
        sql = "SELECT count(*) FROM deliveries WHERE status = 'pending' AND (? IS NULL OR event = ?)"
        return int(self._rows(sql, (event, event))[0][0])
