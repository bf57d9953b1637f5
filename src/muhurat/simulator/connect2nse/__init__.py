"""The members' extranet of NSE: a login that locks, tokens that expire, and the masters behind them."""
