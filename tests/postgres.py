"""A private PostgreSQL server for one test run, shared by its workers.

The run's controller makes the folder; whoever needs the server first starts it, under a file lock;
the controller stops it. A run that was killed leaves its server behind; the next run stops that.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

RUN_DIR = "PYTEST_DIURNAL_RUN_DIR"
_PREFIX = "diurnal-test-"
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)
# Small, but durable as in earnest: a test that loses data must be ours to blame.
_OPTIONS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    "max_worker_processes": "2",
    "max_parallel_workers_per_gather": "0",
    "autovacuum": "off",
    "log_min_messages": "warning",
}
# What a database is like, but for the rows of its tables: their columns, indexes and triggers.
_LIKE = """
    SELECT md5(string_agg(told, ',' ORDER BY told)) FROM (
        SELECT format('%s %s %s %s', c.relname, c.relkind, a.attname, a.atttypid) AS told
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE n.nspname !~ '^(pg_|information_schema)' AND NOT a.attisdropped
        UNION ALL SELECT tgname FROM pg_trigger
        UNION ALL SELECT unnest(setconfig) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS all_of_it"""
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
    ORDER BY 1"""


class Postgres:
    """A running server: makes and drops databases."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.folder = folder
        self.port = port
        self._password = password
        self._like: dict[str, tuple[list[Any], list[str]]] = {}
        self._idle: dict[str, list[str]] = {}
        self._beside: dict[str, psycopg.Connection[Any]] = {}

    def url(self, database: str) -> str:
        return f"postgresql://diurnal:{self._password}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """Make a database, a copy of `template`, and return its name."""
        name = f"t_{secrets.token_hex(8)}"
        self._run("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def drop(self, name: str) -> None:
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def template(self, name: str, prepare: Callable[[str], Any]) -> str:
        """Return the name of a database that `prepare(url)` filled, once for the whole run.

        `prepare` must close its connections: a database in use cannot be copied.
        """
        with _locked(self.folder / f"template-{name}.lock") as lock:
            if not lock.read():
                self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
                self._run("CREATE DATABASE {} TEMPLATE template0", name)
                prepare(self.url(name))
                lock.write("ready")
        return name

    def lend(self, template: str) -> str:
        """Return a database like `template`, perhaps one that was given back; for one at a time.

        Making and dropping one costs far more than a small test.
        """
        idle = self._idle.setdefault(template, [])
        if idle:
            return idle.pop()
        name = self.create(template)
        if template not in self._like:
            connection = self._beside_tests(name)
            full = _filled(connection)
            self._like[template] = (_like(connection, full), full)
        return name

    def give_back(self, name: str, template: str) -> None:
        """Empty a database for the next; what is no longer like its template is dropped."""
        like, kept = self._like[template]
        connection = self._beside_tests(name)
        connection.execute(_OTHERS)
        same = _like(connection, kept) == like
        if same:
            full = [name for name in _filled(connection) if name not in kept]
            if full:
                names = sql.SQL(", ").join(map(sql.Identifier, full))
                connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names), prepare=False)
            self._idle[template].append(name)
        else:
            self._beside.pop(name).close()
            self.drop(name)

    def _beside_tests(self, name: str) -> psycopg.Connection[Any]:
        """Return a connection to a lent database that stays open from test to test.

        A new one reads the catalogue first, which takes longer than all it is wanted for.
        """
        kept = self._beside.get(name)
        if kept is not None:
            try:
                kept.execute("SELECT 1")
            except psycopg.OperationalError:  # a test ended all connections there were
                kept.close()
            else:
                return kept
        self._beside[name] = made = psycopg.connect(self.url(name), autocommit=True)
        return made

    def leave(self) -> None:
        """Close what is still open to it."""
        while self._beside:
            self._beside.popitem()[1].close()

    def restart(self, mode: str) -> None:
        """Stop the server the way `mode` says (immediate is a crash) and start it again."""
        _as_server(
            self.folder / "pg",
            *(find_bin() / "pg_ctl", "restart", "--wait", "--mode", mode),
            *("--pgdata", self.folder / "pg" / "data", "--log", self.folder / "pg" / "log"),
        )

    def _run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def _like(connection: psycopg.Connection[Any], kept: list[str]) -> list[Any]:
    """Return what tells whether a database is like another, with the rows of the tables `kept`."""
    told: list[Any] = connection.execute(sql.SQL(_LIKE)).fetchall()
    for table in kept:
        with contextlib.suppress(psycopg.errors.UndefinedTable), connection.transaction():
            whole = sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(table))
            # Prepared, it would not live through a migration that a test makes.
            told += connection.execute(whole, prepare=False).fetchall()
    return told


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the tables that hold rows, or held some: these would give new ones another order."""
    return [row[0] for row in connection.execute(_TABLES)]


def open_run() -> None:
    """Make the run's folder, in the controller, before its workers start."""
    _stop_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    # The server's user must get through to its own folder inside.
    folder.chmod(0o711)
    os.environ[RUN_DIR] = str(folder)


def close_run() -> None:
    """Stop the server, if one was started, and remove the folder."""
    _close(Path(os.environ.pop(RUN_DIR)))


@contextlib.contextmanager
def own() -> Iterator[Postgres]:
    """Start a server that the test may take down."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)
    try:
        password = secrets.token_hex(16)
        yield Postgres(folder, _start(folder, password), password)
    finally:
        _close(folder)


def start() -> Postgres:
    """Return the run's server, starting it if nobody has."""
    folder = Path(os.environ[RUN_DIR])
    with _locked(folder / "server.lock") as lock:
        known = lock.read()
        if known:
            return Postgres(folder, **json.loads(known))
        password = secrets.token_hex(16)
        port = _start(folder, password)
        lock.write(json.dumps({"port": port, "password": password}))
        return Postgres(folder, port, password)


def find_bin() -> Path:
    """Return the folder with initdb and postgres.

    Raises:
        RuntimeError: there is none; says how to get it.
    """
    asked = os.environ.get("TEST_POSTGRES_BIN")
    places = [asked] if asked else []
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        places.append(told.stdout.strip())
    for pattern in _PLACES:
        places += sorted(glob.glob(pattern), key=_version, reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        places.append(str(Path(on_path).resolve().parent))
    for place in places:
        if all(os.access(Path(place, name), os.X_OK) for name in ("initdb", "postgres", "pg_ctl")):
            return Path(place)
    raise RuntimeError(
        "PostgreSQL's server programs are missing: install them (Debian: apt-get install"
        " postgresql), set TEST_POSTGRES_BIN to their folder, or leave those tests out"
        " with TEST_POSTGRES=no"
    )


class _Locked:
    """A small file that one process at a time reads and writes."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path, self._fd = path, fd

    def read(self) -> str:
        return self._path.read_text()

    def write(self, text: str) -> None:
        self._path.write_text(text)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[_Locked]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield _Locked(path, fd)
    finally:
        os.close(fd)


def _start(folder: Path, password: str) -> int:
    bin_dir = find_bin()
    home = folder / "pg"
    home.mkdir(mode=0o700)
    secret = home / "password"
    secret.write_text(password)
    user = _server_user()
    if user is not None:
        for path in (home, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
    _as_server(
        home,
        *(bin_dir / "initdb", "--pgdata", home / "data", "--username", "diurnal"),
        *("--auth", "scram-sha-256", "--pwfile", secret, "--encoding", "UTF8"),
        *("--locale", "C", "--no-sync"),
    )
    secret.unlink()
    for left in reversed(range(5)):
        port = _free_port()
        options = _OPTIONS | {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(home),
        }
        try:
            _as_server(
                home,
                *(bin_dir / "pg_ctl", "start", "--wait", "--pgdata", home / "data"),
                *("--log", home / "log"),
                *("--options", " ".join(f"-c {name}={value}" for name, value in options.items())),
            )
        except RuntimeError:
            # Somebody may have taken the port since we saw it free.
            if not left:
                raise
        else:
            return port
    raise AssertionError("not reached")


def _as_server(home: Path, *command: Any) -> None:
    user = _server_user()
    identity: dict[str, Any] = (
        {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    )
    # Files, not pipes: the server inherits them and would hold a pipe open for ever.
    with (home.parent / "commands.log").open("a+") as log:
        begin = log.tell()
        done = subprocess.run(
            [str(part) for part in command],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            start_new_session=True,
            **identity,
        )
        if done.returncode:
            log.seek(begin)
            raise RuntimeError(f"{Path(command[0]).name} failed: {log.read()}")


def _server_user() -> pwd.struct_passwd | None:
    """Return whom to run the server as: it refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _stop_abandoned() -> None:
    for found in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = found.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError, ValueError):
            if found.stat().st_uid == os.geteuid() and not _alive(int(owner)):
                _close(found)


def _close(folder: Path) -> None:
    home = folder / "pg"
    if (home / "data" / "postmaster.pid").exists():
        # Its data go at once, so it need not shut down in order.
        with contextlib.suppress(RuntimeError):
            _as_server(
                home,
                *(find_bin() / "pg_ctl", "stop", "--wait", "--mode", "immediate"),
                *("--pgdata", home / "data"),
            )
    shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _version(path: str) -> float:
    try:
        return float(Path(path).parent.name)
    except ValueError:
        return 0.0
