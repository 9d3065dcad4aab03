"""The report: one HTML file that anyone can open, and the same facts as JSON beside it.

Everything is in the file: no script, no network, no font to fetch. ``page`` writes it; the modules
named after chapters (``groups``, ``methods``, ``gains``, ``scores``, ``affinities``,
``assignments``, ``few_labels``, ``curves``, ``about``) turn a ``Comparison`` into what the template shows;
:mod:`coterie.drawing` draws with matplotlib, on axes that may be the reader's own. Interval plots,
the strips of assignments and the heat maps of memberships and agreement are HTML, not pictures:
they stay sharp and readable from a phone to print, and their numbers can be read aloud and copied.
Those of affinities are pictures: a hundred tasks have ten thousand cells. ``distillation`` is a page
of its own, of examples and not of groups.
"""

from coterie.report.distillation import write_distillation
from coterie.report.page import write_report

__all__ = ["write_distillation", "write_report"]
