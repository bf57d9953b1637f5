"""The simulated BSE: masters and bhavcopies of a made-up market with the SENSEX contracts of the simulated Kite."""
