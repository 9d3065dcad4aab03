"""Engines: where the rows of a fit and the units of a comparison run.

A *job* is a self-contained piece of work: everything that it computes with is in it, it can be
pickled, and its result does not depend on where or after which others it runs. ``fit`` cuts the rows
of W into jobs, ``compare`` makes one of every split and seed; an :class:`Engine` only runs them, and
never cuts them anew. :class:`LocalEngine` runs one after the other in this process. Engines know
neither what a fit is nor what a comparison is.
"""

from coterie.engines.local import LocalEngine
from coterie.engines.protocol import Engine, Job, carried_out, require_engine

__all__ = ["Engine", "Job", "LocalEngine", "carried_out", "require_engine"]
