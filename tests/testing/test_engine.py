"""Each check of an engine fails on what violates it and on little else; and ours hold."""

from dataclasses import replace

import coterie as ct
from coterie.errors import CoterieError

from .suites import OfBroken


def engine_that(own):
    """Runs every job, but answers with what ``own`` makes of them."""

    class Broken:
        def rows(self, jobs, progress=None):
            return own(self, jobs)

        units = rows

    return Broken()


def reworded(self, jobs):
    try:
        return [job.run() for job in jobs]
    except CoterieError as error:
        raise RuntimeError("a job failed") from error


def other_rows(self, jobs):
    """Trains from another seed."""
    seeded = [
        replace(job, seeds=tuple(seed + 1 for seed in job.seeds)) if hasattr(job, "seeds") else job
        for job in jobs
    ]
    return [job.run() for job in seeded]


def other_units(self, jobs):
    """Trains networks from another seed."""

    def seeded(job):
        if not hasattr(job, "repetitions"):
            return job
        own = [replace(each, train_seed=each.train_seed + 9) for each in job.repetitions]
        return replace(job, repetitions=own)

    return [seeded(job).run() for job in jobs]


BROKEN = {
    "order": engine_that(lambda self, jobs: [job.run() for job in jobs][::-1]),
    "no jobs": engine_that(lambda self, jobs: [job.run() for job in jobs] if jobs else jobs[0]),
    "errors": engine_that(reworded),
    "rows": engine_that(other_rows),
    "units": engine_that(other_units),
}


ALSO = {"order": {"rows", "units"}}


class TestBroken(OfBroken):
    suite, broken, also, sound = "engine", BROKEN, ALSO, (ct.LocalEngine(),)
