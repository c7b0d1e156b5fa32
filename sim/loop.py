"""Virtual time: one heap of moments for the whole night, and an event loop for the programs that await.

Nothing here waits: time jumps to the next moment.  What falls on one moment runs in the order in which it was asked
for, so that a night is the same whenever and wherever it is played.
"""

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

# One moment that never comes to rest is a loop in the product or in the night; far above every honest one.
TURNS_MAX = 20_000


class Stuck(Exception):
    """A moment that never ends."""


class Handle:
    """One call that waits for its turn; ``life`` None belongs to the world, which cannot be killed."""

    __slots__ = ("args", "at_ns", "callback", "context", "gone", "life")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        at_ns: int,
        life: "ProcessLoop | None" = None,
        context: contextvars.Context | None = None,
    ) -> None:
        self.callback, self.args, self.at_ns, self.life, self.context = callback, args, at_ns, life, context
        self.gone = False

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self.at_ns / 1e9


class Hours:
    """The night's clock and everything that is still to come."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._later: list[tuple[int, int, Handle]] = []
        self._ready: deque[Handle] = deque()
        self._asked = 0
        self.after_each: Callable[[], None] = lambda: None  # when a moment has come to rest

    def at(self, at_ns: int, callback: Callable[..., object], *args: Any) -> Handle:
        """Call it then, or at once where that has passed."""
        return self.push(Handle(callback, args, max(at_ns, self.now_ns)))

    def push(self, handle: Handle) -> Handle:
        self._asked += 1
        heapq.heappush(self._later, (handle.at_ns, self._asked, handle))
        return handle

    def soon(self, handle: Handle) -> Handle:
        self._ready.append(handle)
        return handle

    def play(self, until_ns: int) -> None:
        """Everything up to and with this moment.

        Raises:
            Stuck: one moment did not come to rest.
        """
        later = self._later
        if self._ready:
            self._rest()
        while later and later[0][0] <= until_ns:
            self.now_ns = later[0][0]
            self._rest()
        self.now_ns = until_ns

    def _rest(self) -> None:
        """Run this moment until nothing of it is left, then let it be looked at."""
        later, ready = self._later, self._ready
        for _ in range(TURNS_MAX):
            if ready:
                self._run(ready.popleft())
            elif later and later[0][0] <= self.now_ns:
                self._run(heapq.heappop(later)[2])
            else:
                self.after_each()
                return
        raise Stuck(f"nothing comes to rest at {self.now_ns / 1e9:.3f} s")

    def _run(self, handle: Handle) -> None:
        if handle.gone or (handle.life is not None and not handle.life.alive):
            return
        if handle.context is None:
            handle.callback(*handle.args)
        else:
            asyncio._set_running_loop(handle.life)
            handle.context.run(handle.callback, *handle.args)


class Done:
    """Awaited, it is there already: what another thread does for the programs is done at once here."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._value
        yield  # makes this a generator, which ends before it begins


class Raised:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __await__(self) -> Generator[Any, Any, Any]:
        raise self._error
        yield


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one life of one program.  Killed, nothing of it ever runs again, no ``finally`` and no goodbye."""

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self.alive = True
        self.troubles: list[str] = []
        self._kept: list[
            asyncio.Task[Any]
        ] = []  # so that a killed life is not woken by the garbage collector

    def kill(self) -> None:
        self.alive = False
        for task in self._kept:
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    # --- what programs ask of a loop -----------------------------------------------------------------------------

    def time(self) -> float:
        return self._hours.now_ns / 1e9

    def get_debug(self) -> bool:
        return False

    def is_closed(self) -> bool:
        return not self.alive

    def is_running(self) -> bool:
        return self.alive

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        context = contextvars.copy_context() if context is None else context
        return self._hours.soon(Handle(callback, args, self._hours.now_ns, self, context))

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        return self._call_at(self._hours.now_ns + round(delay * 1e9), callback, args, context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        return self._call_at(round(when * 1e9), callback, args, context)

    def _call_at(
        self,
        at_ns: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> Handle:
        context = contextvars.copy_context() if context is None else context
        return self._hours.push(Handle(callback, args, max(at_ns, self._hours.now_ns), self, context))

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Any = None
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self, name=name)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        return task

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """The other thread is this one."""
        try:
            return Done(func(*args))
        except Exception as error:  # noqa: BLE001  # a future carries whatever its work raised
            return Raised(error)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.troubles.append(f"{context.get('message')}: {context.get('exception')!r}")

    # --- what the night asks of it --------------------------------------------------------------------------------

    def begin(self, coro: Coroutine[Any, Any, Any]) -> None:
        """Start a program's task; what it raises is a trouble of the night."""

        def ended(task: "asyncio.Task[Any]") -> None:
            self._kept.remove(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self.troubles.append(repr(error))

        asyncio._set_running_loop(self)
        task = self.create_task(coro)
        self._kept.append(task)
        task.add_done_callback(ended)
