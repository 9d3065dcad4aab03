"""The report: one HTML file that anyone can open, and the same facts as JSON beside it.

Everything is in the file: no script, no network, no font to fetch. ``page`` writes it; the modules named after chapters
(``groups``, ``gains``, ``scores``, ``curves``, ``about``) turn a ``Comparison`` into what the template shows; ``figures``
draws with matplotlib, on axes that may be the reader's own. Heat maps and interval plots are HTML, not pictures: they stay
sharp and readable from a phone to print, and their numbers can be read aloud and copied.
"""

from coterie.report.page import write_report

__all__ = ["write_report"]
