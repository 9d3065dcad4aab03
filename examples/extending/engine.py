"""Your own engine: the rows of a fit and the units of a comparison in processes of their own.

    python examples/extending/engine.py

A job holds everything that it computes with, and can be pickled; an engine sends it where there is
room and hands the results back in order. The numbers are the same, to the last bit."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import methodcaller

import coterie as ct
from coterie.engines import Job
from coterie.testing import check_engine, planted

FEW = {"repeats": 1, "draws": 1, "baselines": ["random"]}


class Processes:
    """Some jobs at a time, in as many other processes."""

    def __init__(self, at_once: int = 2) -> None:
        self.pool = ProcessPoolExecutor(at_once, mp_context=get_context("spawn"))

    def rows(self, jobs: Sequence[Job], progress=None) -> Iterator:
        """Run the blocks of rows of one fit."""
        return self.pool.map(methodcaller("run"), jobs)

    units = rows  # those of a comparison


def main() -> None:
    engine = Processes()
    print("holds:", ", ".join(check_engine(engine)))
    table = planted("agreeing heads")
    settings = {**table.settings, **FEW, "epochs": 5, "seeds": 2}
    result = ct.compare("mlp", table.data, table.grouping, engine=engine, **settings)
    print(result.findings[0].sentence)


if __name__ == "__main__":
    main()
