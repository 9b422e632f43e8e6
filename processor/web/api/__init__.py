"""The REST API under `/v1`: each operation is one row in `table.OPERATIONS`, and documented by it."""
