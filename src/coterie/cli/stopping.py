"""Being stopped: Ctrl-C, and SIGTERM, by which schedulers ask politely before they kill.

Both arrive as ``KeyboardInterrupt``, so that files are closed and locks let go. What was finished
is on disk at any time.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)

Handler = Callable[[int, FrameType | None], object] | int | None


class Stopped(KeyboardInterrupt):
    """A signal came.

    Once a plain ``KeyboardInterrupt`` has left ``exec``, Python ends by SIGINT, whatever it is
    told.
    """


class Stopping:
    """Within a ``with`` statement, stop signals raise ``KeyboardInterrupt`` and are remembered.

    They are, because some libraries make another exception of an interrupt that meets them at the
    wrong moment. Handlers of a program that calls us, and signals that are ignored (``nohup``, jobs
    in the background), stay as they are.

    >>> with Stopping() as stopping:
    ...     stopping.status
    0
    """

    def __init__(self) -> None:
        self.status = 0
        self._ends = False
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        # Elsewhere Python allows no handlers.
        if threading.current_thread() is threading.main_thread():
            self._before = {
                number: signal.getsignal(number)
                for number in _SIGNALS
                if signal.getsignal(number) in _DEFAULTS
            }
            for number in self._before:
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def end(self) -> None:
        """From now on signals change nothing: what is left to do is to say how it ended."""
        self._ends = True

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if not self._ends:
            self.status = 128 + number
            raise Stopped
