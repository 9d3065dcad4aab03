"""Which tasks to train together, and who serves which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Annotated, Self, TypedDict

import numpy as np
from scipy.special import softmax

from coterie.codec import SPARSE, As, Layout, Record, Size, from_dict, plain, settle, to_dict
from coterie.drawing.bars import memberships
from coterie.errors import CoterieError, require_type, shown
from coterie.results.views import as_html, numbered
from coterie.schema import OPEN, Details, Json, distinct, membership_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class _Details(TypedDict, total=False):
    """What others read of a grouping's details, where it is there."""

    notes: list[str]
    silhouette: dict[str, float]
    least_silhouette: float
    features: str
    difficulty_share: float
    cost: dict[str, Json]
    affinity: dict[str, Json]


def _silhouettes(details: _Details) -> str | None:
    by_number = all(key.isdecimal() for key in details.get("silhouette", ()))
    return (
        None
        if by_number and ("silhouette" not in details or "least_silhouette" in details)
        else "with `silhouette` by number of groups, and `least_silhouette` beside it"
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class Grouping(Record, format="grouping"):
    """Which group serves which task.

    ``membership`` (T, K) sums to 1 over groups. ``distances`` (T, K), where the method has them,
    are the squared distances from tasks to group centres. ``details`` holds what the method wants
    shown (criterion of "auto", clipped share, ...). ``row_weights`` (K, T) overrides the training
    weights, which are the transposed membership otherwise. ``network_sizes`` (K,), where not all
    networks are of full size, are their parameters as a share of those of the model that is
    grouped for.

    Raises:
        CoterieError: one task twice or none, a membership whose rows do not sum to 1, arrays whose
            shapes do not fit or that are negative somewhere, sizes that are not above 0, a
            fuzziness of 1 or below.

    >>> Grouping(tasks=("a", "b"), membership=[[1, 0], [0.5, 0.4]], method="by hand")
    Traceback (most recent call last):
    coterie.errors.CoterieError: Rows of `membership` must sum to 1; row 1 sums to 0.9.
    """

    tasks: Annotated[tuple[str, ...], Size("T")]
    membership: Annotated[np.ndarray, Layout("fiub T K", listed=True)]
    method: str
    fuzziness: float | None = None
    distances: Annotated[np.ndarray | None, Layout("fiub T K", listed=True)] = None
    row_weights: Annotated[np.ndarray | None, Layout("fiub K T", listed=True)] = None
    network_sizes: Annotated[np.ndarray | None, Layout("fiu K", listed=True), SPARSE] = None
    details: Annotated[Details, As(Annotated[_Details, OPEN, _silhouettes])] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        """Refuse what could not train or serve."""
        settle(self)
        distinct(self.tasks)
        require_type("method", self.method, str)
        require_type("details", self.details, Mapping)
        if self.fuzziness is not None:
            require_fuzziness(self.fuzziness)
        membership_of(self.membership)
        for name in ("distances", "row_weights"):
            array = getattr(self, name)
            if array is not None and (array < 0).any():
                raise CoterieError(f"`{name}` must not be negative.")
        sizes = self.network_sizes
        if sizes is not None and not (np.isfinite(sizes) & (sizes > 0)).all():
            raise CoterieError(
                f"`network_sizes` must be finite and above 0; found {shown(sizes.tolist())}."
            )

    @property
    def n_groups(self) -> int:
        """Number of groups, K."""
        return self.membership.shape[1]

    @property
    def n_networks(self) -> float:
        """What the networks of the groups amount to, in networks of full size.

        >>> halves = Grouping(tasks=("a", "b"), membership=np.eye(2), method="by hand", network_sizes=[1, 0.5])
        >>> halves.n_groups, halves.n_networks
        (2, 1.5)
        """
        return float(self.n_groups if self.network_sizes is None else self.network_sizes.sum())

    @property
    def labels(self) -> np.ndarray:
        """Group of largest membership of each task, (T,)."""
        return self.membership.argmax(1)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tasks whose largest membership is in each group."""
        return tuple(
            tuple(name for name, label in zip(self.tasks, self.labels, strict=True) if label == k)
            for k in range(self.n_groups)
        )

    def weights(self) -> np.ndarray:
        """Loss weights that train the specialised models, (K, T)."""
        return self.membership.T.copy() if self.row_weights is None else self.row_weights.copy()

    def membership_at(self, fuzziness: float) -> np.ndarray:
        """Membership (T, K) read at another fuzziness from the stored distances.

        Raises:
            CoterieError: the method kept no distances.
        """
        if self.distances is None:
            raise CoterieError(
                f"Grouping by {self.method!r} has no distances to centres: its membership has one "
                "reading only."
            )
        return fuzzy_membership(self.distances, fuzziness)

    def to_dict(self) -> dict[str, Json]:
        """Everything as plain JSON types."""
        return to_dict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Json]) -> Self:
        """Rebuild what :meth:`to_dict` gave.

        Raises:
            CoterieError: a field is missing, unknown or wrong, or they do not fit together; it is
                named.
        """
        return from_dict(cls, plain(saved))

    @property
    def frame(self) -> pd.DataFrame:
        """The membership, a row for each task, a column for each group, counted from 1."""
        import pandas as pd

        tasks, groups = pd.Index(list(self.tasks), name="task"), numbered(self.n_groups)
        return pd.DataFrame(self.membership, tasks, pd.Index(groups, name="group"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the membership, tasks in the order of their groups.

        Args:
            ax: axes to draw on, instead of a new figure.
        """
        order = np.lexsort((-self.membership.max(1), self.labels))
        tasks = [self.tasks[position] for position in order]
        return memberships(self.membership[order], tasks, numbered(self.n_groups), ax=ax)

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        sizes = np.ones(self.n_groups) if self.network_sizes is None else self.network_sizes
        groups = ", ".join(
            "{" + " ".join(names) + "}" + ("" if size == 1 else f" of size {size:g}")
            for names, size in zip(self.groups, sizes, strict=True)
        )
        return f"Grouping({self.method}, {self.n_groups} groups: {groups})"


def aligned_labels(groupings: Sequence[Grouping]) -> np.ndarray:
    """Groups of the same tasks in several groupings (T, U), numbered as in the first one.

    A group of another one gets the number of that of the first with which it shares most tasks, one
    to one.

    >>> one, other = (
    ...     Grouping(tasks=("a", "b", "c"), membership=np.eye(2)[labels], method="mine")
    ...     for labels in ([0, 0, 1], [1, 1, 0])
    ... )
    >>> aligned_labels([one, other]).tolist()
    [[0, 0], [0, 0], [1, 1]]
    """
    from scipy.optimize import linear_sum_assignment

    first, n = groupings[0], max(grouping.n_groups for grouping in groupings)
    columns = []
    for grouping in groupings:
        shared = np.zeros((n, n))
        np.add.at(shared, (grouping.labels, first.labels), 1)
        columns.append(linear_sum_assignment(-shared)[1][grouping.labels])
    return np.stack(columns, axis=1)


def require_fuzziness(fuzziness: object) -> None:
    """Refuse what is no finite number above 1."""
    if (
        isinstance(fuzziness, bool)
        or not isinstance(fuzziness, int | float | np.number)
        or not 1 < fuzziness < inf
    ):
        raise CoterieError(
            f"`fuzziness` must be a number greater than 1; found {shown(fuzziness)}."
        )


def fuzzy_membership(distances: np.ndarray, fuzziness: float) -> np.ndarray:
    """Fuzzy membership (T, K) of tasks at squared ``distances`` (T, K) from centres.

    Of STG-MTL, section 2.

    u(t, k) = softmax over k of -log(d2(t, k)) / (m - 1), in float64. A task on a centre belongs to
    it fully, shared equally if it sits on several; "on" is relative to the task's largest distance.

    >>> fuzzy_membership(np.array([[1.0, 3.0], [0.0, 2.0]]), 2.0)
    array([[0.75, 0.25],
           [1.  , 0.  ]])
    """
    require_fuzziness(fuzziness)
    d2 = np.asarray(distances, dtype=np.float64)
    on_centre = d2 <= 1e-12 * d2.max(axis=1, keepdims=True)
    shares = softmax(-np.log(np.where(on_centre, 1.0, d2)) / (fuzziness - 1), axis=1)
    exact = on_centre.any(axis=1, keepdims=True)
    return np.where(exact, on_centre / on_centre.sum(axis=1, keepdims=True).clip(1), shares)
