"""Option chains: what they are, how they are priced and kept."""
