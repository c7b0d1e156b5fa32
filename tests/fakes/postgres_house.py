"""PostgreSQL of one's own: a cluster in a folder of its own, on a unix socket, ended and deleted with it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

RUN_AS = "postgres"  # initdb and the server refuse to run as root
START_S = 180


def programs() -> Path:
    """The folder of the newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert found, "apt install postgresql"
    return found[-1].parent


class Cluster:
    """Started when made; ``close`` ends it.  ``durable`` waits for the disk at every commit, as in production."""

    def __init__(self, *, durable: bool = False, settings: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gh-pg-"))
        self._made = 0
        self.shaped = ""  # the address of one that others are copied from (``shapes.new_postgres``)
        self._user: dict[str, object] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam(RUN_AS)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self._data = self.folder / "data"
        self._run(
            "initdb", "-D", str(self._data), "-U", RUN_AS, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        words = [*(() if durable else ("fsync=off",)), "max_connections=60", *settings]
        listen = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        options = " ".join([listen, *(f"-c {word}" for word in words)])
        self._run(
            "pg_ctl", "-D", str(self._data), "-o", options, "-l", str(self.folder / "log"), "-w", "start"
        )

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(programs() / program), *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=START_S,
            **self._user,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://{RUN_AS}@/{name}?host={self.folder}"

    def new_database(self, like: str = "") -> str:
        """The address of an empty database, or of the copy of another that nobody uses."""
        self._made += 1
        name = f"house{self._made}"
        template = _name(like) if like else "template0"
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"create database {name} template {template}".encode())
        return self.url(name)

    def drop(self, url: str) -> None:
        """Delete a database of ``new_database``, whoever is still connected: some hundred of them left to the end take minutes."""
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"drop database {_name(url)} with (force)".encode())

    def restart(self) -> None:
        """As a server that was updated: every connection is cut."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "restart")

    def close(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def _name(url: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])
