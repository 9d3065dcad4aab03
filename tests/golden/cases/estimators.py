"""Score estimators."""

from __future__ import annotations

from typing import Any

import numpy as np

import coterie as ct
from coterie.estimators import (
    GradTagScores,
    MTGNetScores,
    PairScores,
    SurrogateScores,
    TableScores,
    TrainedScores,
    random_subsets,
    subsets_of_size,
)
from coterie.estimators.judge import relative_distance, within_target_correlation
from tests.golden.cases.inputs import SMALL, binary, digits, known_scores, mixed
from tests.golden.registry import case

_ROWS = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0], [1, 0, 1, 1, 0]]
)
_SHORT = {**SMALL, "epochs": 2}


@case(close=("score", "loss"))
def estimator_train() -> dict[str, Any]:
    """Trained in full, early, by score and by loss."""
    data = digits()
    rows = _ROWS[:, :4]
    score, loss = (
        TrainedScores("mlp", data, **_SHORT),
        TrainedScores("mlp", data, measure="loss", **_SHORT),
    )
    early = TrainedScores("mlp", data, share=0.4, seed=1, **{**_SHORT, "epochs": 5})
    found = {
        "score": score.predict(rows),
        "loss": loss.predict(rows * 0.5),
        "early": early.predict(rows),
    }
    return {**found, "table": score.table(), "cost": early.cost}


@case(exact=("subsets", "pairs of tasks"), close=("pairs",))
def estimator_pairs() -> dict[str, Any]:
    pairs = PairScores().fit(TableScores(known_scores(5)))
    trained = PairScores().fit(TrainedScores("mlp", binary(), measure="loss", **_SHORT))
    return {
        "pairs": pairs.predict(_ROWS),
        "affinity": pairs.affinity(),
        "trained": trained.predict(_ROWS),
        "cost": trained.cost,
        "subsets": random_subsets(6, 3, 8, 0),
        "pairs of tasks": subsets_of_size(5, 2),
    }


@case(close=("known/scores", "known/relevance"))
def estimator_surrogate() -> dict[str, Any]:
    known = SurrogateScores(bootstraps=20).fit(TableScores(known_scores(6)))
    trained = SurrogateScores(n_subsets=8, bootstraps=10).fit(
        TrainedScores("mlp", binary(), **_SHORT)
    )
    low, high = known.interval()
    return {
        "known": {
            "scores": known.predict(np.eye(6) + 1 > 1),
            "relevance": known.relevance,
            "low": low,
            "high": high,
        },
        "trained": {
            "scores": trained.predict(_ROWS),
            "relevance": trained.relevance,
            "cost": trained.cost,
        },
    }


@case()
def estimator_mtgnet() -> dict[str, Any]:
    net = MTGNetScores(n_rows=9, networks=2, max_epochs=40, hidden=16).fit(
        TableScores(known_scores(5))
    )
    return {
        "scores": net.predict(_ROWS),
        "trained": net.trained,
        "cost": net.cost,
        "rounds": net.rounds(5),
    }


@case()
def estimator_gradtag() -> dict[str, Any]:
    """Both projections, small chunks, a tuned ridge, images, and mixed kinds with gaps."""
    data, gaps, rows = digits(), mixed(gaps=0.2), _ROWS[:, :4]
    joint, mixed_joint = ct.fit("mlp", data, **_SHORT), ct.fit("mlp", gaps, **_SHORT)
    images = digits(120)
    cnn = ct.fit("cnn", images, **{**_SHORT, "epochs": 1, "model_options": {}})
    fitted = {
        "kronecker": GradTagScores(n_features=64).fit(joint, data),
        "dense": GradTagScores(projection="dense", n_features=32, measure="score", seed=1).fit(
            joint, data
        ),
        "chunks": GradTagScores(n_features=32, chunk=50).fit(joint, data),
        "gaps": GradTagScores(n_features=32).fit(mixed_joint, gaps),
        "cnn": GradTagScores(n_features=32).fit(cnn, images),
    }
    oracle = TrainedScores("mlp", data, measure="loss", **_SHORT)
    fitted["tuned"] = (
        GradTagScores(n_features=64).fit(joint, data).tune(oracle, rows, grid=(1e-3, 1e-2, 1e-1))
    )
    found = {
        name: {"scores": each.predict(_ROWS if name == "gaps" else rows), "details": each.details}
        for name, each in fitted.items()
    }
    truth = oracle.predict(rows)
    judged = {
        kind: within_target_correlation(found["kronecker"]["scores"], truth, rows, kind)
        for kind in ("pearson", "spearman")
    }
    return {
        **found,
        "judged": judged,
        "distance": relative_distance(found["dense"]["scores"], truth),
    }
