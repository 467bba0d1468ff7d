"""What everything else stands on: files, locks, signals, threads, the environment of a run."""
