"""NSE: its public archives, its website's API, niftyindices.com, and the members' extranet."""
