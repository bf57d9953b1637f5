"""What simulated exchanges agree on: which securities and contracts there are, and what they cost on any date.

Pure functions of seed and date, so that any file of any day can be made without the days before it, and so that one
day's close is the next day's previous close. Nothing here knows a file format.

    listing.py      cash securities and the underlyings of derivatives: symbols, names, ISINs, tokens, lots
    indices.py      the exchange's indices
    prices.py       open, high, low, close of securities and indices on a date, and their paths within the day
    expiries.py     which expiries are listed on a date
    contracts.py    which futures and options are listed on a date
    derivatives.py  their prices, volumes and open interest
    sessions.py     the trading days they happen on
"""
