"""A simulated niftyindices.com: the history of indices, one POST for each (facts/nse.md §3)."""
