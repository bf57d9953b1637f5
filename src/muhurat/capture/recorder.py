"""The recorder service: one process that owns the streams and writes every byte of every feed to its journal.

Heavy libraries have no place in this process: it is to stay within 70 MB and a hundredth of a core.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from muhurat.capture.alarms import Alarms, Tell
from muhurat.capture.companions import decoders, publishers
from muhurat.capture.connections import FeedStream
from muhurat.capture.disk_forecast import DiskForecast
from muhurat.capture.feed_recorder import FeedPlan, FeedRecorder, packets_by_header
from muhurat.capture.universe_watch import UniverseWatch
from muhurat.clock import NS_PER_S, Clock, ist
from muhurat.errors import MuhuratError
from muhurat.heartbeat import Heartbeat, read_heartbeats
from muhurat.log import get_logger

__all__ = ["FeedPlan", "Recorder", "packets_by_header", "run"]

_REPORT_EVERY_S: Final = 1.0
_LOG_EVERY: Final = 30
_SETTLE_S: Final = 5.0
_GOODBYE_S: Final = 3.0
_GAPS_SHOWN: Final = 50
_NAMED: Final = 100
_NO_ROOM: Final = "the venue's connections have no room for them"
_BESIDE_BYTES: Final = 44
"""What a message takes on the disk beside its payload: 12 bytes in the `.bin`, a row in the `.idx`."""


LeftOut = Callable[[str], Collection[int]]


def _nothing(feed: str) -> Collection[int]:
    return ()


async def run(
    plans: Sequence[FeedPlan],
    streams: Mapping[str, FeedStream],
    clock: Clock,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
    *,
    tell: Tell | None = None,
    disk: DiskForecast | None = None,
    left_out: LeftOut = _nothing,
) -> None:
    """Record the feeds, each by the stream of its name, until `stop` is set; then close the journals in order.

    What a person should know goes to `tell`; `disk` is looked at while recording, and told of; `left_out` says which of
    a feed's instruments the venue's connections have no room for. Raises `MuhuratError` for what no retry can mend, as
    another process that writes the same feed.
    """
    await Recorder(plans, streams, clock, heartbeat, tell=tell, disk=disk, left_out=left_out).run(stop)


class Recorder:
    """Several feeds in one event loop."""

    def __init__(
        self,
        plans: Sequence[FeedPlan],
        streams: Mapping[str, FeedStream],
        clock: Clock,
        heartbeat: Heartbeat,
        *,
        tell: Tell | None = None,
        disk: DiskForecast | None = None,
        left_out: LeftOut = _nothing,
    ) -> None:
        self._clock = clock
        self._disk = disk
        self._heartbeat = heartbeat
        self._streams = {plan.name: streams[plan.name] for plan in plans}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarms = Alarms(tell)
        self._feeds = {
            plan.name: _Feed(FeedRecorder(plan, clock, self._fail, self._alarms), plan, left_out) for plan in plans
        }
        self._log = get_logger(__name__)

    async def run(self, stop: asyncio.Event) -> None:
        """See the module's `run`."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unexpected)
        tasks: list[asyncio.Task[Any]] = []
        stopping = asyncio.create_task(stop.wait())
        try:
            self._open()
            tasks += [asyncio.create_task(self._record(name)) for name in self._feeds]
            tasks += [asyncio.create_task(self._report())]
            awaited: list[asyncio.Future[Any]] = [self._failure, stopping, *tasks]
            done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            stopping.cancel()
            await self._say_goodbye(tasks)
            for feed in self._feeds.values():
                feed.recorder.finish()
            self._alarms.tell()
            self._beat(now=True)
            self._log_counts()

    def _open(self) -> None:
        for name, feed in self._feeds.items():
            self._log.info(f"{feed.recorder.plan.title} started", feed=name)
            feed.recorder.open()
        self._look()
        self._log.info(f"Recorder started with {len(self._feeds)} feeds")

    async def _record(self, name: str) -> None:
        await self._streams[name].run(self._feeds[name].recorder)
        raise MuhuratError(f"the stream of {name} ended by itself")

    async def _report(self) -> None:
        """Once a second of real time: look for new instruments, tell the gauges."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                for feed in self._feeds.values():
                    await feed.recorder.lines.settled.wait()
        self._beat(now=True)
        self._heartbeat.ready()
        turns = 0
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            turns += 1
            self._look()
            for feed in self._feeds.values():
                feed.recorder.look_at_disk()
            self._beat()
            if turns % _LOG_EVERY == 0:
                self._log_counts()
                self._alarms.tell()

    def _look(self) -> None:
        """Carry what the feeds' universes say now."""
        today, changed = ist(self._clock.now_ns()).date(), False
        for name, feed in self._feeds.items():
            tokens = feed.watch.look(today)
            if tokens is not None:
                self._streams[name].set_instruments(tokens, feed.recorder.plan.mode)
                changed = True
        if changed:
            for feed in self._feeds.values():
                feed.note_changes()

    def _beat(self, *, now: bool = False) -> None:
        now_ns = self._clock.now_ns()
        facts = {name: feed.facts(now_ns) for name, feed in self._feeds.items()}
        if self._disk:
            self._disk.look(sum(feed.written for feed in self._feeds.values()))
        disk = self._disk.facts() if self._disk else {}
        self._heartbeat.beat(self._detail(), now=now, feeds=facts, disk=disk, troubles=list(self._troubles()))

    def _troubles(self) -> Iterator[dict[str, str]]:
        """What should reach a person; the supervisor makes an alert of each."""
        for name, feed in self._feeds.items():
            yield from feed.troubles(name)
        if trouble := self._room_trouble():
            yield trouble

    def _room_trouble(self) -> dict[str, str] | None:
        """The disk's forecast, as long as it is one: that the disk refuses is told of each feed."""
        if self._disk is None or any(feed.recorder.trouble for feed in self._feeds.values()):
            return None
        return self._disk.trouble()

    def _detail(self) -> str:
        """A sentence for the heartbeat: what is wrong, else how much has come."""
        wrong = [text for name, feed in self._feeds.items() if (text := feed.wrong(name))]
        if trouble := self._room_trouble():
            wrong.append(trouble["what"])
        if wrong:
            return "; ".join(wrong)
        packets = sum(feed.recorder.packets for feed in self._feeds.values())
        return f"{packets:,} packets of {len(self._feeds)} feed{'' if len(self._feeds) == 1 else 's'}"

    def _log_counts(self) -> None:
        """A line for each feed: what it brought, what was published of it, how late it came."""
        words = read_heartbeats(self._heartbeat.run_dir)
        decoded, published = decoders(words), publishers(words)
        for name, feed in self._feeds.items():
            counted = feed.recorder
            line = f"Processed {counted.packets} packets, {counted.bytes} bytes"
            if name in published:
                line += f", published {published[name].get('published_records', 0)} messages"
            lag_s = decoded.get(name, {}).get("receive_lag_p50_s")
            if lag_s is not None:
                line += f", lag {lag_s:.2f} s"
            self._log.info(line, feed=name)

    async def _say_goodbye(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        for name, stream in self._streams.items():
            self._feeds[name].recorder.expect_end()
            stream.close()
        if tasks:
            await asyncio.wait(tasks[: len(self._streams)], timeout=_GOODBYE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fail(self, error: BaseException) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error in a callback would otherwise be a line in a log and a recorder that is only half alive."""
        loop.default_exception_handler(context)
        self._fail(context.get("exception") or MuhuratError(str(context.get("message"))))


class _Feed:
    """A feed's recorder, the watch over its instruments, and its rate since the last look."""

    def __init__(self, recorder: FeedRecorder, plan: FeedPlan, left_out: LeftOut) -> None:
        self.recorder = recorder
        self.watch = UniverseWatch(plan.universe, plan.name)
        self.crowded_out: list[str] = []
        self._left_out = left_out
        self._looked = (0, 0)
        self._told_new = 0
        self._log = get_logger(__name__).bind(feed=plan.name)

    def note_changes(self) -> None:
        """Name what there is no room for and what has been listed today; tell of every change once."""
        tokens = self._left_out(self.recorder.plan.name)
        names = [self.watch.symbols.get(token, str(token)) for token in tokens]
        if names != self.crowded_out:
            self.crowded_out = names
            self._log.warning(_NO_ROOM, left_out=len(names), instruments=", ".join(names[:_NAMED]))
        if added := self.watch.new[self._told_new :]:
            self._told_new += len(added)
            self._log.info("New contracts are listed", instruments=", ".join(added))

    @property
    def problem(self) -> str:
        """What is wrong with the feed's instruments; empty while nothing is."""
        crowded = f"{len(self.crowded_out)} instruments are not recorded: {_NO_ROOM}" if self.crowded_out else ""
        return "; ".join(filter(None, (self.watch.problem, crowded)))

    def facts(self, now_ns: int) -> dict[str, Any]:
        """The gauges of a feed; instants are desk time, `rate` packets per desk second."""
        recorder, lines, writer = self.recorder, self.recorder.lines, self.recorder.writer
        return {
            "state": lines.state,
            "login_needed": lines.login_needed,
            "rate": self._rate(now_ns),
            "messages": recorder.messages,
            "packets": recorder.packets,
            "bytes": recorder.bytes,
            "last_data_ns": recorder.last_data_ns,
            "last_data_age_s": round((now_ns - recorder.last_data_ns) / NS_PER_S, 3) if recorder.last_data_ns else None,
            "gaps": len(lines.gaps),
            "gap_since_ns": lines.gap_since_ns,
            "gap_list": lines.gaps[-_GAPS_SHOWN:],
            "reconnects": max(0, lines.connections - 1),
            "instruments": self.watch.instruments - len(self.crowded_out),
            "missing": [*self.watch.missing, *(f"{name}: {_NO_ROOM}" for name in self.crowded_out[:_NAMED])],
            "new": self.watch.new,
            "problem": self.problem,
            "file": writer.path.name if writer and writer.path else None,
            "buffered_records": recorder.backlog.records,
            "buffered_bytes": recorder.backlog.bytes,
            "dropped_records": recorder.backlog.dropped_records,
            "disk_error": recorder.trouble,
            "sync_error": str(writer.sync_error) if writer and writer.sync_error else "",
            "repaired": recorder.repaired,
            "clock_doubt": writer.doubtful if writer else 0,
        }

    @property
    def written(self) -> int:
        """Bytes on the disk."""
        return self.recorder.bytes + _BESIDE_BYTES * self.recorder.messages

    def troubles(self, name: str) -> Iterator[dict[str, str]]:
        """What should reach a person about this feed."""
        if self.recorder.lines.login_needed:
            what = f"login needed: {name} is refused and waits for a new session"
            hint = "`muhurat login`; the recorder takes the session up itself"
            yield {"name": f"login {name}", "level": "critical", "what": what, "hint": hint}

    def wrong(self, name: str) -> str:
        """What a person should know first; empty while all is well."""
        recorder, lines = self.recorder, self.recorder.lines
        if recorder.trouble:
            return f"{recorder.trouble}: {recorder.backlog.records:,} records wait in memory"
        if recorder.writer and recorder.writer.sync_error:
            return f"{name} cannot be brought to the disk: {recorder.writer.sync_error}"
        if lines.login_needed:
            return f"login needed: {name} is refused: {lines.why}"
        if lines.state in ("refused", "unreachable", "disconnected", "stale"):
            return f"{name} {lines.state}: {lines.why}" if lines.why else f"{name} {lines.state}"
        return f"{name}: {self.problem}" if self.problem else ""

    def _rate(self, now_ns: int) -> float:
        (then_ns, packets), self._looked = self._looked, (now_ns, self.recorder.packets)
        passed_s = (now_ns - then_ns) / NS_PER_S
        return round((self.recorder.packets - packets) / passed_s, 1) if then_ns and passed_s > 0 else 0.0
