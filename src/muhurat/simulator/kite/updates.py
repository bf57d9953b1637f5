"""Order updates as Kite sends them: a text frame on every ticker connection, and an HTTP postback where one is set.

The frame's checksum is blank; the postback's is sha256(order_id + order_timestamp + api_secret).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from muhurat.simulator.faults import FaultBoard, Kind
from muhurat.simulator.kite.login import App
from muhurat.simulator.kite.order import Order, Status

FAULTS: Final = {
    "duplicate_update": Kind("tell order updates twice", default_count=1),
    "late_update": Kind("tell an order's UPDATE after what comes next", default_count=1),
}
APP_ID: Final = 1
_POSTBACK_TIMEOUT_S: Final = 5.0

Update = dict[str, Any]


class OrderUpdates:
    """Tells the desk what becomes of its orders."""

    def __init__(self, app: App, faults: FaultBoard, tell_ticker: Callable[[Mapping[str, Any]], None]) -> None:
        self._app = app
        self._faults = faults
        self._tell_ticker = tell_ticker
        self._late: dict[str, Update] = {}
        self._client: httpx.AsyncClient | None = None
        self._posting: set[asyncio.Task[None]] = set()
        self.posted = 0
        self.failed = 0

    def tell(self, order: Order, status: Status) -> None:
        """Tell an order's present state."""
        update = order.update(APP_ID, status, checksum="")
        if status is Status.UPDATE and self._faults.take("late_update"):
            self._late[order.order_id] = update
            return
        times = 2 if self._faults.take("duplicate_update") else 1
        late = self._late.pop(order.order_id, None)
        for each in [update] * times + ([late] if late else []):
            self._tell_ticker({"type": "order", "id": "", "data": each})
            if self._app.postback_url is not None:
                self._start_post(self._app.postback_url, each)

    async def close(self) -> None:
        """Give up what is still being posted."""
        for task in self._posting:
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    def _start_post(self, url: str, update: Update) -> None:
        signed = update["order_id"] + update["order_timestamp"] + self._app.api_secret
        body = msgspec.json.encode({**update, "checksum": hashlib.sha256(signed.encode()).hexdigest()})
        task = asyncio.get_running_loop().create_task(self._post(url, body))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _post(self, url: str, body: bytes) -> None:
        self._client = self._client or httpx.AsyncClient(timeout=_POSTBACK_TIMEOUT_S, trust_env=False)
        try:
            response = await self._client.post(url, content=body, headers={"Content-Type": "application/json"})
        except httpx.HTTPError:
            self.failed += 1
            return
        self.posted += response.is_success
        self.failed += not response.is_success
