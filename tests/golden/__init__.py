"""The gate of a refactoring: what the library computes, kept before and compared bit for bit after.

See README.md.
"""
