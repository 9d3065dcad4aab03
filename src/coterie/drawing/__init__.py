"""Pictures of arrays, with matplotlib: results draw themselves by these, and so does the report.

Each takes arrays and names, draws on ``ax`` (or on a new figure) and returns the axes.
"""
