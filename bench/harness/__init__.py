"""What every row shares: processes, load, peers, the daemon under test, the report."""
