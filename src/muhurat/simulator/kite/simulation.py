"""The simulated Kite put together: a market, its tape, the ticker, REST and login, and what testers may ask of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from muhurat.simulator.conductor import Conductor
from muhurat.simulator.faults import FaultBoard
from muhurat.simulator.http_server import HttpServer
from muhurat.simulator.kite import rest, ticker, updates
from muhurat.simulator.kite.account import Account
from muhurat.simulator.kite.control import Control
from muhurat.simulator.kite.exchange import Exchange
from muhurat.simulator.kite.limits import RateLimits
from muhurat.simulator.kite.login import App, Sessions
from muhurat.simulator.kite.market_data import MarketData
from muhurat.simulator.kite.orders import OrderDesk
from muhurat.simulator.kite.rest import Rest
from muhurat.simulator.kite.tape import Tape
from muhurat.simulator.kite.ticker import Ticker
from muhurat.simulator.kite.updates import OrderUpdates
from muhurat.simulator.market import Market, build_market
from muhurat.simulator.options import SimOptions
from muhurat.simulator.stocks.market import StockMarket, WithStocks

FAULTS: Final = {**ticker.FAULTS, **rest.FAULTS, **updates.FAULTS}


class KiteSimulation:
    """Kite Connect on loopback; ports `kite` (REST, login, `/_sim`) and `kite_ticker`."""

    PORTS: Final = ("kite", "kite_ticker")

    def __init__(self, options: SimOptions, conductor: Conductor, market: Market | None = None) -> None:
        self.app = App()
        self.market = market or _market(options)
        self.faults = FaultBoard(FAULTS, conductor.monotonic)
        self.tape = Tape(self.market, conductor)
        self.sessions = Sessions(self.app, conductor, random.Random(options.seed))
        self.ticker = Ticker(self.market, self.tape, self.sessions, conductor, self.faults)
        self._updates = OrderUpdates(self.app, self.faults, self.ticker.tell)
        account = Account(self.market, conductor)
        exchange = Exchange(self.market, self.tape, conductor, account, self._updates.tell)
        orders = OrderDesk(self.market, conductor, exchange, account, self.app.user_id)
        limits = RateLimits(conductor.monotonic, enforced=options.rate_limits)
        answers = Rest(
            self.sessions, MarketData(self.market), orders, account, limits, self.faults, conductor
        )  # fmt: skip
        control = Control(self.sessions, self.ticker, self.faults, conductor, self.stats)
        self._http = HttpServer(answers.app(control.routes()), lambda: conductor.now_ns)
        self._urls: dict[str, str] = {}
        conductor.add_source(self.tape)

    async def start(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Listen; returns the URLs by name. A port that is not named is the system's choice."""
        http = await self._http.start(ports.get("kite", 0))
        socket_port = await self.ticker.start(ports.get("kite_ticker", 0))
        root = f"http://127.0.0.1:{http}"
        self._urls = {"kite": root, "kite_ticker": f"ws://127.0.0.1:{socket_port}", "kite_login": root}
        return self._urls

    async def stop(self) -> None:
        """Stop listening and let go of every client."""
        await self.ticker.stop()
        await self._updates.close()
        await self._http.stop()

    def overlay(self) -> dict[str, Any]:
        """The keys of a desk file that point a desk at this simulation."""
        kite = {
            "root": self._urls["kite"],
            "ticker": self._urls["kite_ticker"],
            "login": self._urls["kite_login"],
            "api_key": self.app.api_key,
            "api_secret": self.app.api_secret,
        }
        return {"venues": {"kite": kite}}

    def stats(self) -> dict[str, Any]:
        """What `GET /_sim/stats` tells."""
        return {
            **self.ticker.stats(),
            "source": self.market.source,
            "frames_played": self.tape.frames_played,
            "faults": self.faults.described(),
            "postbacks": {"delivered": self._updates.posted, "failed": self._updates.failed},
        }


def _market(options: SimOptions) -> Market:
    """The day's market with the stocks beside it; a recorded day has what was recorded."""
    market = build_market(options.day, options.seed, options.candles, options.journal)
    if options.journal is not None:
        return market
    return WithStocks(market, StockMarket(options.day, options.seed, modelled=options.candles is not None))
