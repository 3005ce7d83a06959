"""What the logger "factstr" gets while a scenario is played."""

from __future__ import annotations

import logging
import threading

from support import WAIT_S

logger = logging.getLogger("factstr")


class ScenarioLog(logging.Handler):
    """Keeps the records of the stores that are open, and their tracebacks off the terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[logging.LogRecord] = []
        self._came = threading.Condition()

    def start(self) -> None:
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def stop(self) -> None:
        logger.removeHandler(self)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True

    def clear(self) -> None:
        with self._came:
            self._records.clear()

    def emit(self, record: logging.LogRecord) -> None:
        # Records of the scenario before may still come when its store is closed.
        if not str(vars(record).get("store")).startswith("a closed"):
            with self._came:
                self._records.append(record)
                self._came.notify()

    def next(self, event: str) -> logging.LogRecord:
        """Returns the next record of an event; records of different events have no order."""
        with self._came:
            assert self._came.wait_for(lambda: self._of(event), WAIT_S), f"no {event} was logged"
            record = self._of(event)[0]
            self._records.remove(record)
        return record

    def _of(self, event: str) -> list[logging.LogRecord]:
        return [record for record in self._records if vars(record).get("event") == event]
