"""How each method is run as its paper has it, one entry a paper.

An entry is all that another paper needs; ``docs/published.md`` is made of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from coterie.affinities import Lookahead, TransferGain
from coterie.differentiable import DifferentiableGrouping
from coterie.estimators import GradTagScores, MTGNetScores, SurrogateScores
from coterie.methods._method import Groups, Method
from coterie.methods.average import Average
from coterie.methods.cluster import Cluster
from coterie.methods.cluster_scores import ClusterScores
from coterie.methods.learn import Learn
from coterie.methods.select import Select
from coterie.training.config import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Published:
    """How a method is run as its ``paper`` has it.

    ``made`` is called with ``n_groups`` and the ``settings``, which are the ones that the paper
    leaves open, by keyword. ``same`` and ``differs`` are sentences for those who know the paper,
    ``figures`` says which of its figures come out here and where. A method that no paper has is
    ``refused`` with a reason instead.
    """

    paper: str = ""
    made: Callable[..., Method] | None = None
    settings: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    figures: str = ""
    refused: str = ""


def _gradtag(
    *, n_groups: Groups, n_features: int = 200, measure: Any = "loss", **settings: Any
) -> ClusterScores:
    estimator = GradTagScores(projection="dense", n_features=n_features, measure=measure)
    return ClusterScores(estimator, n_groups=n_groups, **settings)


def _mtgnet(*, n_groups: int, step: int = 1, n_rows: int | None = None) -> Select:
    estimator = MTGNetScores(n_rows, step, networks=1, max_epochs=10_000, relative=True)
    return Select(estimator, n_groups=n_groups, relative=True)


def _surrogate(*, n_groups: int, n_subsets: int | None = None, size: int | None = None) -> Select:
    return Select(SurrogateScores(n_subsets, size), n_groups=n_groups)


def _dmtg(*, n_groups: int, recipe: bool = False) -> Learn:
    provider = DifferentiableGrouping(
        n_groups, "paper", normalise=False, prune=0.0, keeps_best=True
    )
    settings: TrainingSettings = {
        "optimiser": "adam",
        "lr": 8e-4,
        "batch_size": 256,
        "epochs": 100,
        "schedule": "step",
    }
    return Learn(provider, one_shot=True, settings=settings if recipe else {})


# Whole steps, scored on a second training batch, as they come.
_STEPS: dict[str, Any] = {
    "step": 1.0,
    "scored_on": "train",
    "normalise": False,
    "batch_size": None,
}
_FIXTURES = "The selections from the published matrices come out (`tests/methods/test_average.py`)"
_AVERAGES = (
    "A group is worth to a task the mean affinity of its other members with it; tasks alone are "
    "no candidates.",
    "At most K networks are selected, groups may overlap, each task is served by its best one, "
    "and the mean over tasks of what that is worth is maximised.",
)
_EXACT = (
    "Networks are selected by an integer programme, with a proof, where the released search "
    "enumerates them; beyond 12 tasks candidates are all small groups, and others grown by a beam "
    "search."
)
_TRAINED = (
    "The selected networks are trained by the comparison, with its model, epochs and optimiser, "
    "like all other arms."
)

PUBLISHED: dict[str, Published] = {
    "data_map": Published(
        paper="STG-MTL: Sherif, Abid, Elattar, ElHelw, Mach. Learn.: Sci. Technol. 2024, "
        "arXiv 2307.03374",
        made=partial(Cluster, "data_map"),
        settings=("by", "fuzziness", "restarts"),
        same=(
            "Confidence and variability of every example and task over the epochs of one joint "
            "training, from the forward pass that trains.",
            "Tasks are clustered by k-means and memberships by the fuzzy formula with m = 1.07; "
            "`by` names the other three clusterings.",
            "K models of all tasks, with the memberships as loss weights; logits are averaged by "
            "them. Binary tasks are weighted by negatives over positives.",
        ),
        differs=(
            'Loss weights are divided by their sum unless `reduction="sum"`, and those below a '
            "ten-thousandth of a model's largest are 0: no difference under Adam but for weight "
            "decay and clipping.",
            "The best epoch on validation is kept, and the map ends with it, where the released "
            'code goes to the last: that is `keep="last"`.',
            "K-means is seeded, and the best of ten starts; single points vote on a grid of 64 by "
            "64 cells.",
        ),
        figures="Memberships on CIFAR-10 with 10 and 15 tasks, and clusters of CIFAR-100, on the "
        "[benchmarks page](benchmarks.md#published-groups-cifar-10-ten-tasks).",
    ),
    "lookahead": Published(
        paper="TAG: Fifty, Amid, Zhao, Yu, Anil, Finn, NeurIPS 2021",
        made=partial(Average, Lookahead(**_STEPS)),
        settings=("every", "time_limit"),
        same=(
            "How far a step of one task on the shared weights changes the loss of another, its "
            "head frozen, over the learning rate; averaged over the joint training, every tenth "
            "step, as on Taskonomy (`every=1`, as on CelebA).",
            *_AVERAGES,
        ),
        differs=(
            "A step is scored on a second training batch, not on the one that made it.",
            "Momentum is left out of the candidate step, as in the authors' code for Taskonomy; "
            "the one for CelebA has it. Under Adam the step is Adam's, with the second moments of "
            "the training; the paper trains by SGD.",
            _EXACT,
            _TRAINED,
        ),
        figures=f"{_FIXTURES} at K = 2 and 3 on Taskonomy, and at K = 2 to 4 on CelebA.",
    ),
    "cosine": Published(
        paper='TAG\'s own baseline "CS": Fifty et al., NeurIPS 2021',
        made=partial(Average, "cosine"),
        settings=("every", "time_limit"),
        same=("The cosine of two tasks' gradients of the shared weights.", *_AVERAGES),
        differs=(
            "That the baseline's networks were selected like TAG's own is our reading.",
            _EXACT,
            _TRAINED,
        ),
        figures="None: the published matrices are not available.",
    ),
    "gradtag": Published(
        paper="Grad-TAG: Li, Sharma, Zhang, KDD 2024, arXiv 2409.06091",
        made=_gradtag,
        settings=("n_features", "n_subsets", "size", "adaptive", "measure", "by"),
        same=(
            "One joint model at its best epoch on validation; gradients of every example's margin, "
            "projected by random signs to 200 numbers; a regularised logistic regression with the "
            "margin as offset stands in for the training on a subset of tasks.",
            "2,000 random subsets of 10 tasks, or of half of the tasks if they are fewer than 20. "
            "The affinity of two tasks is the mean of the target's validation score, standardised "
            "within the target, over the subsets that hold both; the diagonal is 0, both "
            "directions are averaged.",
            "K groups by the semidefinite relaxation of the density; one network a group.",
            "With `adaptive=True` subsets are drawn within the clusters found so far, the adaptive "
            "sampling of AdaGroup. On planted scores that finds more with subsets of 3 of 24 "
            "tasks, as much with 4 of 60, and less with the usual ten "
            "([measured](benchmarks.md#grad-tag-adaptive-sampling)).",
        ),
        differs=(
            "The relaxation is solved by ADMM and rounded by average linkage on its solution, then "
            "by moves of single tasks that raise the density; the released rounding is greedy, "
            "depends on the order of the tasks, and need not give K groups.",
            "The averages are standardised once more over the sources of each target, as all "
            "affinities are here before they are clustered.",
            "One Newton step from the joint model stands for the whole regression, and scores are "
            "read off the linearised validation margins, where the released code adds the step to "
            "the network and evaluates it. The offset is kept; the released code of the paper "
            "drops it in the fit.",
            "The score is minus the validation loss unless `measure='score'`, and the ridge is "
            "relative to the size of the features.",
            "Heads stay as they are; tasks share their examples.",
            'Boosting and branching, of other papers by the authors, are not built. The "boosting" '
            "of 2023 is one network a cluster, as here. Boosted adapters (up to 10 % more accurate "
            "than QLoRA on ten text tasks, 3 % at 34 billion weights) are for large pre-trained "
            "networks, which are not trained here; a tree that branches layer by layer (3.7 % above "
            "one multi-task network) needs a training for every branch, and models that share "
            "layers, which those of a comparison do not.",
        ),
        figures="Paper tables per data set are not available. How well the estimate predicts, on "
        "the [benchmarks page](benchmarks.md#grad-tag-how-well-it-predicts).",
    ),
    "pairs": Published(
        paper="HOA: Standley, Zamir, Chen, Guibas, Malik, Savarese, ICML 2020",
        made=partial(Select, "pairs", half_size=True),
        settings=("measure", "time_limit"),
        same=(
            "Every task alone and every pair is trained to the end; in a larger group a task's "
            "loss is the mean of its losses in the pairs with the other members.",
            "Each task alone is trained at half the size, too, and costs half a network.",
            "Networks are selected within a budget of K networks of full size, such that the sum "
            "over tasks of the least loss is least. Those selected at half the size are trained, "
            "scored and left at half the size.",
        ),
        differs=(
            "Half the size is half the parameters, by narrower layers. An encoder without an option "
            "for its width has no half-size networks, and that is said.",
            "The groups beside it are of the same sizes of networks; the ensemble beside it is of K "
            "networks of full size.",
            "Budgets are whole networks, where the paper has halves between them; "
            "`coterie select` takes any.",
            _EXACT,
        ),
        figures="Test totals of settings 1 and 3 at nine budgets come out from the published tables "
        "(`tests/grouping/test_published_selections.py`), but at the smallest budget of setting 1, "
        "where its table gives another number, and at the two largest, where it has two best "
        "choices.",
    ),
    "early": Published(
        paper="ESA: Standley et al., ICML 2020",
        made=partial(Select, "early", half_size=True),
        settings=("measure", "time_limit"),
        same=(
            "Every group of tasks is trained for a fifth of the epochs, and each task alone at half "
            "the size, too; networks are selected as by `pairs:published`.",
        ),
        differs=(
            "A schedule of the learning rate is run through in the shorter time.",
            "What differs for `pairs:published`.",
        ),
        figures="As for `pairs:published`.",
    ),
    "mtgnet": Published(
        paper="MTG-Net: Song, Zheng, Cao, Yu, Bian, NeurIPS 2022",
        made=_mtgnet,
        settings=("step", "n_rows"),
        same=(
            "A transformer over task embeddings predicts each member's relative gain over its own "
            "model; one network, trained anew each round, and the mean of its two best states.",
            "All tasks alone and the group of all are trained first, then round by round the group "
            "with the largest absolute predicted gain of the task whose turn it is: one more "
            "training than all tasks alone and all pairs have, with `step` groups a round after "
            "the first T rounds.",
            "At most K networks are selected, such that the sum over tasks of relative gains is "
            "largest.",
        ),
        differs=(
            "Gains are of validation losses, whatever the metric.",
            "Groups to train are chosen among all of them up to 12 tasks, beyond that among 4,096 "
            "random ones.",
            _EXACT,
            _TRAINED,
        ),
        figures="The mean gains of the oracle and of pair averages on Taskonomy come out from the "
        "published table (`tests/grouping/test_published_selections.py`); the predictions of one "
        "network are random and are not compared.",
    ),
    "surrogate": Published(
        paper="Surrogate task models: Li, Nguyen, Zhang, TMLR 2023, arXiv 2303.14582",
        made=_surrogate,
        settings=("n_subsets", "size"),
        same=(
            "Random subsets of one size are trained, as many as a constant times the number of "
            "tasks (8 T: 200 for the paper's 25 tasks, about where its holdout error gets flat).",
            "A target's loss is linear in who else is trained, by regression.",
        ),
        differs=(
            "The paper chooses the sources of one target by a threshold, and trains a network for "
            "it (`SurrogateScores.choose_sources`). K networks for all tasks are selected here by "
            "the predicted losses, and every member of a subset is a target, as in the authors' "
            "later work on graphs.",
            "A small ridge on standardised losses; subsets are drawn such that every pair meets.",
            "Each subset is trained once, where the paper takes the mean of five trainings.",
            _TRAINED,
        ),
        figures="The paper's tables are not available.",
    ),
    "transfer_gain": Published(
        paper="Principled task grouping: Wang, Pan, Yu, arXiv 2402.15328",
        made=partial(Cluster, TransferGain(**_STEPS), by="principled"),
        settings=("every", "by"),
        same=(
            "What a task adds to the step that another takes anyway, heads included: one less the "
            "ratio of the target's loss after a step of both to that after its own, averaged over "
            "the joint training, every tenth step (`every`).",
            "K groups that part the tasks, such that the sum over groups of all gains within, "
            "divided by the size, is largest; gains are not standardised.",
            "Constraints on sizes, links and resources, as settings of the clustering: "
            "`by=Principled(sizes=(2, 5))` of `coterie.grouping`.",
        ),
        differs=(
            "Losses are averaged over the tasks of a step, so that a task does not help itself; "
            "the authors' collectors differ between mean and sum.",
            "A step is scored on a second training batch, not on the one that made it.",
            "Each task is in exactly one group; the released programme asks for at least one, "
            "which counts a good nucleus once for every group that holds it.",
            "The programme is solved by column generation, with its gap told, and no commercial "
            "solver.",
            _TRAINED,
        ),
        figures="The paper's tables could not be read; its programme is held against enumeration "
        "(`tests/grouping/test_principled.py`).",
    ),
    "dmtg": Published(
        paper="DMTG: Gao et al., ICML 2024, arXiv 2407.05082",
        made=_dmtg,
        settings=("recipe",),
        same=(
            "K branches that start alike; every task's loss in every branch, weighed by a relaxed "
            "categorical sample with logits of ones at first and a temperature of 2.5; the plain "
            "sum of losses, one optimiser and rate for weights and logits, no pruning.",
            "One shot: the branches that the search leaves are what is scored, each task by its "
            "likeliest one, and the search is all that they cost.",
            "With `recipe=True` the search is trained as on CelebA: Adam, 8e-4, batches of 256, 100 "
            "epochs, the rate halved after every 15 %.",
        ),
        differs=(
            "Binary tasks have one output and the logistic loss, not two and cross-entropy, which "
            "is the same function; positives are weighted unless `balance=False` in `load`.",
            "The epoch is kept by validation loss; the released code asks for the least training "
            "loss, too.",
            "Gradients are not scaled between branches and a stem, as they are on Taskonomy; no "
            "branches share a stem unless the provider has one (`ct.Learn`).",
        ),
        figures="On nine attributes of faces a small run tells nothing apart: 1,000 images, six epochs, "
        "three seeds, normalised gain over joint +2.0 (-2.4 to +6.4) at K = 2 to -1.4 (-9.7 to +6.9) "
        "at K = 5 (`benchmarks/dmtg_one_shot.py`). Published margins on CelebA are not available.",
    ),
    "auxiliary_gain": Published(
        refused="the formula of the effectiveness metric by Wang, Du, Zhao and Liu (J. Intell. "
        "Manuf. 2025) is not public, and 'auxiliary_gain' is a definition of our own.",
    ),
}
"""Entries by the names of the methods, in the order of the page."""
