"""The official KiteTicker, run as a program of its own because its reactor cannot be started twice.

Usage: official_ticker.py ROOT API_KEY ACCESS_TOKEN MODE TOKEN...; prints one JSON line per event, ends with its input.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from kiteconnect import KiteTicker
from kiteconnect.ticker import KiteTickerClientFactory


def main(root: str, api_key: str, access_token: str, mode: str, *tokens: str) -> None:
    KiteTickerClientFactory.initialDelay = 0.05
    ticker = KiteTicker(api_key, access_token, root=root)
    wanted = [int(token) for token in tokens]

    def tell(event: str, **facts: Any) -> None:
        print(json.dumps({"event": event, **facts}, default=str), flush=True)

    def on_connect(ws: KiteTicker, _response: Any) -> None:
        tell("connect")

    def on_open(ws: KiteTicker) -> None:
        if not ws.subscribed_tokens:
            ws.subscribe(wanted)
            ws.set_mode(mode, wanted)

    ticker.on_connect = on_connect
    ticker.on_open = on_open
    ticker.on_ticks = lambda _ws, ticks: tell("ticks", ticks=ticks)
    ticker.on_error = lambda _ws, code, reason: tell("error", code=code, reason=str(reason))
    ticker.on_close = lambda _ws, code, reason: tell("close", code=code, reason=str(reason))
    ticker.on_reconnect = lambda _ws, attempts: tell("reconnect", attempts=attempts)
    ticker.on_order_update = lambda _ws, data: tell("order", data=data)
    ticker.connect(threaded=True)
    sys.stdin.read()


main(*sys.argv[1:])
