"""What the simulated Kite lists beside SENSEX: stocks, funds, their futures and options, and BANKEX.

Symbols, lots, strikes, tokens and closes are those of `simulator.reference`, so that the dump, the exchanges' files and
the ticker speak of the same instruments.

    listing.py   what is listed on a day, as rows of Kite's dump
    packets.py   one instrument's packets of a day
    market.py    a `Market` of these instruments, and the two markets as one
"""
