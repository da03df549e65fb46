"""One pace for each source, kept by all processes of a machine that share a data directory.

The state is a small memory-mapped file, read without a lock and written under ``flock``. A turn is taken when a request
goes, never earlier, so that a process that is killed takes none with it. No call waits for another process.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

WINDOW_SECONDS = 60.0
SLACK_SECONDS = 0.9
"""So much longer than a minute the requests of a minute take: the network may bunch them by this, less the credit."""
CREDIT_SECONDS = 0.4
"""How far a turn that was taken late does not delay those after it."""
LONGEST_PAUSE_SECONDS = 15 * 60.0
LONGEST_ASKED_SECONDS = 3600.0
"""The longest pause of our own making, and the longest that a server's Retry-After gets."""
PROBE_SECONDS = 15.0
"""After a pause one request goes first; how long the others wait for its answer."""
SLOWEST_PER_MINUTE = 6.0
UNLIMITED_PER_MINUTE = 3000.0
"""A pace that a server taught us never falls below the one and, without a limit of ours, ends above the other."""
FAST_GROWTH, SLOW_GROWTH = 0.005, 0.0004
"""By how much each request raises a lowered pace, far from where it was refused and close to it."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RECORD = struct.Struct("<32s11d")
_VERSION = b"pace1"
_LONGEST_AHEAD = 24 * 3600.0


@dataclass(slots=True)
class _State:
    """Times are of the system-wide monotonic clock. ``rate``: a pace lowered by refusals, 0 while there is none;
    ``ceiling``: the pace that was refused. ``sent_before``, ``sent``: requests in the minute before and in ``minute``.
    """

    next_send: float = 0.0
    paused_until: float = 0.0
    refused_at: float = 0.0
    strikes: float = 0.0
    rate: float = 0.0
    ceiling: float = 0.0
    minute: float = 0.0
    sent_before: float = 0.0
    sent: float = 0.0
    written_at: float = 0.0
    written_wall: float = 0.0

    def is_possible(self, now: float) -> bool:
        """Whether this start of the machine can have written it; a damaged file must not stop a source for ever."""
        ahead = (self.next_send - self.written_at, self.paused_until - self.written_at)
        values = (getattr(self, name) for name in self.__slots__)
        return all(0 <= value < 1e11 for value in values) and self.written_at <= now and max(ahead) <= _LONGEST_AHEAD

    def count(self, now: float) -> None:
        """One request more."""
        minute = now // WINDOW_SECONDS
        if minute != self.minute:
            self.sent_before = self.sent if minute == self.minute + 1 else 0.0
            self.minute, self.sent = minute, 0.0
        self.sent += 1

    def sent_in_last_minute(self, now: float) -> float:
        """About how many; the minute before counts by its share."""
        passed = now / WINDOW_SECONDS - self.minute
        return self.sent_before * max(0.0, 1 - passed) + self.sent if passed < 2 else 0.0


class RateLimiter:
    """When the next request of a source may go. ``per_minute``: 0 for no limit; pauses hold all the same.

    Without a limit the file is made by the first pause only. Raises OSError where it cannot be made.
    """

    def __init__(
        self,
        path: Path,
        per_minute: float,
        *,
        first_pause_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = str(path)
        self.per_minute = per_minute
        self.first_pause_seconds = first_pause_seconds
        self.clock = clock
        self._map: mmap.mmap | None = None
        self._file = -1
        self._uncounted = _State()  # what goes without a limit is counted here, for the file is left alone

    def close(self) -> None:
        """Give the file back; what it says stays."""
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # --- going --------------------------------------------------------------------------------------------------------

    def take(self) -> float:
        """Take the turn: 0.0 if a request may go now, else the seconds after which to ask again."""
        now = self.clock()
        if self._map is None and not self.per_minute and not os.path.exists(self.path):  # noqa: PTH110  # ten times faster
            self._uncounted.count(now)
            return 0.0
        try:
            if self._map is not None:
                state = self._read()
                if (wait := self._wait(state, now)) > 0:
                    return wait
                if not self.per_minute and not state.rate and not state.strikes:
                    self._uncounted.count(now)
                    return 0.0
            with self._locked() as state:
                if (wait := self._wait(state, now)) <= 0:
                    self._go(state, now)
                return max(wait, 0.0)
        except BlockingIOError:
            return random.uniform(0.001, 0.004)

    def _wait(self, state: _State, now: float) -> float:
        longest = max(self._interval(state), PROBE_SECONDS)  # another process may have had a lower limit
        return max(min(state.next_send - now, longest), state.paused_until - now)

    def _go(self, state: _State, now: float) -> None:
        state.count(now)
        if state.rate:
            state.rate *= 1 + (FAST_GROWTH if state.rate < 0.9 * state.ceiling else SLOW_GROWTH)
            if state.rate >= (self.per_minute or UNLIMITED_PER_MINUTE):
                state.rate = 0.0
        interval = self._interval(state)
        if state.strikes:
            state.next_send = now + max(interval, PROBE_SECONDS)
        else:
            late = now - state.next_send
            state.next_send = (state.next_send if late <= CREDIT_SECONDS else now) + interval

    def _interval(self, state: _State) -> float:
        rates = [rate for rate in (self.per_minute, state.rate) if rate]
        return (WINDOW_SECONDS + SLACK_SECONDS) / min(rates) if rates else 0.0

    # --- being refused ------------------------------------------------------------------------------------------------

    @property
    def troubled(self) -> bool:
        """Whether the last that the source said was that we ask too much."""
        return self._map is not None and self._read().strikes > 0

    def refuse(self, sent_at: float, *, asked_seconds: float | None, slow_down: bool) -> float | None:
        """Pause the source after a refusal; the seconds, or ``None`` if it belongs to a pause that has begun.

        ``sent_at``: when the refused request went; ``asked_seconds``: the server's Retry-After; ``slow_down``: whether
        to lower the pace as well. Raises BlockingIOError where another process has the file this very moment.
        """
        with self._locked() as state:
            now = self.clock()
            asked = None if asked_seconds is None else min(max(asked_seconds, 1.0), LONGEST_ASKED_SECONDS)
            if sent_at <= state.refused_at <= now:
                state.paused_until = max(state.paused_until, now + (asked or 0.0))
                return None
            strikes = state.strikes if now < state.paused_until + LONGEST_PAUSE_SECONDS else 0.0
            own = min(self.first_pause_seconds * 2.0 ** min(strikes, 32), LONGEST_PAUSE_SECONDS)
            seconds = own if asked is None else asked if not strikes else max(asked, own)
            if slow_down and not strikes:
                self._slow_down(state, now)
            state.strikes, state.refused_at = strikes + 1, now
            state.paused_until = max(state.paused_until, now + seconds)
            state.next_send = min(state.next_send, max(state.paused_until, sent_at + self._interval(state)))
            return state.paused_until - now

    def answer(self, sent_at: float) -> None:
        """End the trouble: a request that went after the last refusal was answered."""
        with suppress(BlockingIOError), self._locked() as state:  # the next answer says the same
            now = self.clock()
            if state.strikes and sent_at > state.refused_at:
                state.strikes = 0.0
                state.next_send = min(state.next_send, max(now, sent_at + self._interval(state)))

    def rate_per_minute(self) -> float:
        """What is kept now; 0 for no limit."""
        interval = self._interval(self._read()) if self._map is not None else 0.0
        return (WINDOW_SECONDS + SLACK_SECONDS) / interval if interval else self.per_minute

    def _slow_down(self, state: _State, now: float) -> None:
        # Additive increase would take hours at a low pace, so both ways are multiplicative. The cut aims below what was
        # sent in the last minute where that is telling: a server that counts by the minute took so much, and no more.
        rate = min(rate for rate in (self.per_minute, state.rate, float("inf")) if rate)
        sent = state.sent_in_last_minute(now) + self._uncounted.sent_in_last_minute(now)
        telling = sent >= (30 if rate == float("inf") else max(0.5 * rate, 3))
        if not telling and rate == float("inf"):
            return
        state.ceiling = min(sent, rate) if telling else 0.9 * rate
        cut = 0.9 * state.ceiling if telling else 0.75 * rate
        least = min(SLOWEST_PER_MINUTE, self.per_minute or SLOWEST_PER_MINUTE)
        state.rate = max(cut, 0.0 if rate == float("inf") else 0.5 * rate, least)

    # --- the file -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the file, making it if need be; what another start of the machine left is taken over as far as it goes.

        Raises BlockingIOError where another process has it this very moment.
        """
        if self._file < 0:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            if os.fstat(self._file).st_size < _RECORD.size:
                os.posix_fallocate(self._file, 0, _RECORD.size)  # a map of a hole on a full disk kills whoever writes
            self._map = mmap.mmap(self._file, _RECORD.size)
            now, old = self.clock(), self._read()
            if self._map[:32] != _header() or not old.is_possible(now):
                self._write(_taken_over(self._map[:32], old, now))
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def _locked(self) -> Iterator[_State]:
        if self._map is None:
            self.open()
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            state = self._read()
            yield state
            self._write(state)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _read(self) -> _State:
        assert self._map is not None
        return _State(*_RECORD.unpack_from(self._map)[1:])

    def _write(self, state: _State) -> None:
        assert self._map is not None
        state.written_at, state.written_wall = self.clock(), time.time()
        values = (getattr(state, name) for name in _State.__slots__)
        _RECORD.pack_into(self._map, 0, _header(), *values)


@cache
def _header() -> bytes:
    """The format and the start of the machine that the times count from."""
    boot = _BOOT_ID.read_bytes().strip() if _BOOT_ID.exists() else b""
    return (_VERSION + boot.replace(b"-", b""))[:32].ljust(32, b"\0")


def _taken_over(header: bytes, old: _State, now: float) -> _State:
    """Of an earlier start of the machine the pause is left, by the wall clock; of anything else, nothing."""
    if not header.startswith(_VERSION) or header == _header():
        return _State()
    left = old.paused_until - old.written_at - max(0.0, time.time() - old.written_wall)
    return _State(paused_until=now + (left if 0 < left <= LONGEST_ASKED_SECONDS else 0.0))
