"""How good a day's recording is: what was to be recorded, what was missed, what looks wrong, what was repaired."""
