"""``python -m coterie``."""

import sys

# Python puts the current folder first on the search path here: a queue.py beside the data would be
# run as Python's own. It is taken out before anything else is imported. Whoever wants it there says
# so with PYTHONPATH, or with --model.
if not sys.flags.safe_path and sys.path:
    import os

    if sys.path[0] in ("", os.getcwd()):  # noqa: PTH109, pathlib is not loaded yet
        del sys.path[0]

from coterie.cli import main

sys.exit(main())
