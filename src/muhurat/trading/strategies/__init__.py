"""The strategies that ship with Muhurat."""
