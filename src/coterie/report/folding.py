"""Where chapters fold: more rows than this are shown on demand only."""

FEW = 24
