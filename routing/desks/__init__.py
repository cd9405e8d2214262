"""Outside desks: one file each, found by scanning this package (`base.py` has the protocol)."""
