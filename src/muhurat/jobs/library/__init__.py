"""One file per job; each has one responsibility, a `JOB`, and can be run alone: `muhurat job run NAME`."""
