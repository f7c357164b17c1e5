"""One bulk run without IO: what to send next, what an outcome means, and in which order rows are handed out.

Theory of operation. A shell adds rows while the run :attr:`~BulkRun.has_room`, takes the next unit (the rows of one
request) while there is one :meth:`~BulkRun.ready`, and reports what came of it. The run decides the rest:

- What can help is repeated, after the client's own delays: failures up to ``max_retries`` times, refusals for too many
  requests (429, or an overloaded model) for as long as ``patience`` seconds. The client itself repeats nothing: there
  is one layer of retries.
- A refused budget may mean that the request does not fit beside those under way: it waits until one of these ends. Only
  where none is under way, nor among others who share the budget, is the money spent, and the run ends.
- A run also ends where going on could not help (the key, the balance, a Retry-After beyond what the client waits for),
  and where nothing but failures has come for ``streak`` rows on end. What is under way is still settled; the rest is
  not sent, and the next run asks it.

A row is settled once it has an answer or an error. It is written to the checkpoint, and only then handed out.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from random import Random

from msgspec.structs import replace

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt

from .checkpoint import Kept
from .decisions import Decision, Judge, Rules, Unit
from .items import BulkItem
from .jobs import Asked, Job, Outcome, Task, task_of
from .outbox import Outbox
from .rows import Row
from .tally import Tally, sum_told

__all__ = ["BulkState"]


class BulkState:
    """The state of a run. Not safe for threads.

    Args:
        job: what is done with each row.
        rules: how.
        checkpoint: where rows are kept; ``None`` without one.
        shared: whether somebody else has money of the budget under way.
    """

    def __init__(
        self,
        job: Job,
        rules: Rules,
        checkpoint: Kept | None,
        *,
        now: float,
        shared: Callable[[], bool],
        random: Random | None = None,
    ) -> None:
        self._job = job
        self._rules = rules
        self._checkpoint = checkpoint
        self._judge = Judge(rules, shared, now, random)
        self._fresh: deque[Task] = deque()
        self._again: list[tuple[float, int, Unit]] = []
        self._tie = itertools.count()
        self._outbox = Outbox(rules.order)
        self._read = 0
        self._asks = False
        self.tally = Tally(now)
        self.under_way = 0
        """Units that were taken and not reported."""
        self.all_read = False
        """Whether the input has ended."""
        self.stopped = False
        """Whether the user asked for the end."""

    @property
    def end(self) -> BaseException | None:
        """Why nothing more is sent; ``None`` while all is well."""
        return self._judge.end

    @property
    def has_room(self) -> bool:
        """Whether rows may be added."""
        return self._read - self._outbox.handed < self._rules.window and not (self.end or self.stopped)

    def add(self, row: Row) -> None:
        """Read one row more. What asks nothing, or was settled before, is settled at once.

        Raises :class:`ConfigurationError` where the checkpoint is that of another run.
        """
        self._read += 1
        if row.problem is not None:
            where = f"line {row.line}" if row.line is not None else f"row {row.position}"
            problem = ConfigurationError(f"rows: {where} {row.problem}")
            self._settle(BulkItem(row.position, line=row.line, error=problem), readable=False)
            return
        try:
            task = task_of(self._job, row, self._rules.identity)
        except RequestyError as error:
            self._settle(BulkItem(row.position, row.value, line=row.line, error=error))
            if not self._asks:
                # So far no row asks anything: it is not the rows that are wrong.
                self._judge.failed(error)
            return
        self._asks = True
        if row.position == 0 and self._checkpoint is not None:
            self._checkpoint.begin(task.key)
        if not self._resumed(task):
            self._fresh.append(task)

    def _resumed(self, task: Task) -> bool:
        record = None if self._checkpoint is None else self._checkpoint.find(task.position, task.key)
        if record is None:
            return False
        outcome = self._job.outcome(record)
        if outcome.error is not None and self._rules.ask_again:
            return False
        self.tally.resumes(record.usage)
        self._settle(_item(task, outcome, (), record.usage, resumed=True))
        return True

    def ready(self, now: float) -> bool:
        """Whether there is a unit to take."""
        if self.end is not None or self.stopped or self._judge.waits_for_money:
            return False
        if self._again and self._again[0][0] <= now:
            return True
        size = self._job.batch_size
        # A batch waits to be full while rows come.
        return len(self._fresh) >= size or (bool(self._fresh) and (self.all_read or not self.has_room))

    def take(self, now: float) -> Unit:
        """The next unit; to be reported or given back."""
        self.under_way += 1
        if self._again and self._again[0][0] <= now:
            return heapq.heappop(self._again)[2]
        count = min(self._job.batch_size, len(self._fresh))
        return Unit([self._fresh.popleft() for _ in range(count)])

    def due(self) -> float | None:
        """When the next repetition may be sent; ``None`` if none waits."""
        return self._again[0][0] if self._again and self.end is None and not self.stopped else None

    def report(self, unit: Unit, asked: Asked, now: float) -> None:
        """What came of a unit. Rows that are settled are written and can be handed out."""
        self.under_way -= 1
        self._judge.waits_for_money = False
        made = len(unit.attempts)
        unit.attempts += [replace(one, number=number) for number, one in enumerate(asked.attempts, made + 1)]
        self.tally.asked(asked.attempts, asked.usage)
        done: list[tuple[Task, Outcome]] = []
        # What went wrong together is decided once, and repeated together.
        decided: dict[int, Decision] = {}
        for task, outcome in zip(unit.tasks, asked.outcomes, strict=True):
            if outcome.is_done or outcome.error is None:
                done.append((task, outcome))
                continue
            decision = decided.get(id(outcome.error))
            if decision is None:
                decision = self._judge.decide(unit, outcome.error, now, under_way=self.under_way)
                decided[id(outcome.error)] = decision
            if decision.settles:
                done.append((task, outcome))
            else:
                decision.tasks.append(task)
        for decision in decided.values():
            if decision.tasks:
                repeated = Unit(decision.tasks, decision.failures, decision.refusals, list(unit.attempts))
                heapq.heappush(self._again, (decision.due, next(self._tie), repeated))
        self._finish(unit, done, asked.usage, now)

    def _finish(self, unit: Unit, done: Sequence[tuple[Task, Outcome]], usage: Usage | None, now: float) -> None:
        if self._job.batch_size == 1:
            # All that was asked for the row, what failed included.
            usage = sum_told(unit.attempts)
        if self._checkpoint is not None and done:
            # The usage of a request of many rows stands with its first.
            usages = [usage, *[None] * (len(done) - 1)]
            kept = zip(done, usages, strict=True)
            self._checkpoint.add([self._job.record(task, outcome, used) for (task, outcome), used in kept])
        alone = usage if len(unit.tasks) == 1 else None
        for task, outcome in done:
            if outcome.is_done:
                self._judge.answered(now)
            self._settle(_item(task, outcome, tuple(unit.attempts), alone))

    def fail(self, unit: Unit | None, error: BaseException) -> None:
        """Something that is no failure of a request: it ends the run, and is raised as it is."""
        self.under_way -= unit is not None
        self._judge.ends(error)

    def _settle(self, item: BulkItem, *, readable: bool = True) -> None:
        self.tally.settled(item, readable=readable)
        self._outbox.put(item)

    def pop(self) -> BulkItem | None:
        """The next row to hand out; ``None`` if there is none yet."""
        return self._outbox.pop(is_last=self.is_quiet)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing more will be settled."""
        if self.under_way:
            return False
        return self.end is not None or self.stopped or (self.all_read and not self._fresh and not self._again)


def _item(
    task: Task, outcome: Outcome, attempts: Sequence[Attempt], usage: Usage | None, *, resumed: bool = False
) -> BulkItem:
    return BulkItem(
        task.position,
        task.row,
        outcome.reply,
        outcome.value,
        outcome.vector,
        usage,
        outcome.error,
        attempts,
        resumed,
        task.line,
    )
