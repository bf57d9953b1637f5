"""From bars to orders under risk limits, the same in debug, test and live."""
