"""The day's jobs: the registry `process.json`, the runner, the deadlines, and every job."""
