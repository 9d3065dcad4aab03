"""What any grouping could gain at most, known before anything is grouped.

Rows of random subsets are chosen (``rows``) and trained; a random-effects model of their scores
(``model``) says what worlds are possible; in each the best partition is looked for, exactly
(``exact``) or by local moves (``search``); the limit is what it gains in all but 5 % of them
(``limits``). All but the verb works on plain arrays.
"""

from coterie.bounds._headroom import ROWS, SEEDS, check_counts, headroom
from coterie.bounds.limits import Limits, limits
from coterie.bounds.rows import balanced_rows

__all__ = [
    "ROWS",
    "SEEDS",
    "Limits",
    "balanced_rows",
    "check_counts",
    "headroom",
    "limits",
]
