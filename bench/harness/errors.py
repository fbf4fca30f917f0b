"""The one error of the harness."""


class BenchError(Exception):
    """A row, or one side of it, cannot be measured. The text is the reason the table shows."""
