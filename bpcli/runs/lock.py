"""Who may write a run: one process at a time. The system itself frees the lock when that process dies."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from bpcli.errors import LockedError, WriteError
from bpcli.runs import durable
from bpcli.runs.canonical import from_json, to_json
from bpcli.runs.reasons import write_error

_PATIENCE = 0.5  # seconds in which a new holder must have written down its name


class RunLock:
    """The lock of one run folder. The file `.lock` is what is locked; `.lock.json` says by whom."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owner = folder / ".lock.json"
        self._lock: Any = None

    def acquire(self) -> None:
        """LockedError names the process that holds it; WriteError where no lock file can be made."""
        from filelock import FileLock, Timeout

        lock = FileLock(str(self._folder / ".lock"), thread_local=False)
        last_try = time.monotonic() + _PATIENCE
        while True:
            try:
                lock.acquire(blocking=False)
                break
            except Timeout:
                who = self._holder()
                if who or time.monotonic() > last_try:
                    raise LockedError(
                        f"{who or 'another process'} is writing this run",
                        file=str(self._folder),
                        hint="wait until it has ended, or stop it",
                    ) from None
                time.sleep(0.01)
            except OSError as error:
                raise write_error(self._folder / ".lock", error) from error
        try:
            durable.replace(self._owner, to_json({"pid": os.getpid(), "host": _host()}).encode(), sync=False)
        except BaseException:
            lock.release()
            raise
        self._lock = lock

    def release(self) -> None:
        """Frees it; a second release does nothing."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            durable.remove(self._owner)
        except WriteError:  # a left-over name misleads nobody: its process is dead, or holds no lock
            pass
        finally:
            lock.release()

    def _holder(self) -> str | None:
        """'process 123', or None while the file still names a process that is gone."""
        try:
            owner = from_json(self._owner.read_bytes())
            pid, host = int(owner["pid"]), str(owner["host"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if host != _host():
            return f"process {pid} on {host}"
        return f"process {pid}" if _alive(pid) else None


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
