"""What :func:`coterie.compare` returns.

The record of a comparison, and the verb that writes its report.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from coterie.evaluation.arms import ARMS
from coterie.report import write_report
from coterie.results import ComparisonRecord


class Comparison(ComparisonRecord):
    """Joint, single-task, random, ensemble and grouped training, scored on the test part.

    All that it holds and tells is in :class:`coterie.results.ComparisonRecord`. Records lie below
    the report, which reads them; what ``compare`` and ``Comparison.load`` return can also write it.
    """

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the report as one HTML file, with a JSON twin beside it."""
        told = {role: kind.sentence for role, kind in ARMS.items()}
        # Comparisons of the old form name the roles only.
        roles = {role: sentence or told.get(role, "") for role, sentence in self.roles.items()}
        return write_report(replace(self, roles=roles), str(path))
