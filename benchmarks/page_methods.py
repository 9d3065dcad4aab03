"""Sections of docs/benchmarks.md on methods.

Ground truth, what judged best on it, selection, Grad-TAG, faces.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

JUDGED_AT = 2


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; numbers are written as they come."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def truth(found: dict[str, Any]) -> str:
    """All subsets of a table: time and noise."""
    rows = []
    for what, spread in found["noise"].items():
        factor = 100 if what.endswith("score") else 1
        rows.append(
            [what, *(f"{factor * fmean(values.values()):.3f}" for values in spread.values())]
        )
    seconds = sorted(found["stack_seconds"])[len(found["stack_seconds"]) // 2]
    units = f"{found['examples']:,} examples, {len(found['units'])} seeds and splits"
    return "\n\n".join(
        [
            f"All {found['rows']} subsets of {len(found['tasks'])} tasks, {units}. A seed took "
            f"{seconds:.0f} s as one stack; one model after the other would take "
            f"{found['one_by_one_seconds']:.0f} s, **{found['speedup']:.1f}x** as long "
            "(extrapolated from some rows, same run).",
            "Standard deviations (scores in points, losses as they are), averaged over tasks: of a "
            "cell over *seeds*, over *splits and seeds*, between the *subsets* of a task (mean "
            "over the seeds of one split), and of those what is left when the noise of seeds is "
            "taken off, the *signal* that a choice of groups can use:",
            table(["", "seeds", "splits and seeds", "subsets", "signal"], rows),
        ]
    )


def judged(found: dict[str, Any]) -> str:
    """Every method on the ground truth of one table."""
    parts = []
    for n_groups in (JUDGED_AT, JUDGED_AT + 1):
        rows = [
            [
                m["method"],
                f"{m['trainings']['mean']:.2g}",
                _points(m, "score gain over joint"),
                _points(m, "score regret to the optimum"),
                _points(m, "loss gain over joint"),
                _points(m, "loss regret to the optimum"),
                _correlation(m, "loss"),
                _correlation(m, "score"),
            ]
            for m in _with_single(found["methods"])
            if m["groups"] == n_groups
        ]
        head = [
            "method",
            "trainings",
            "gain over joint",
            "regret",
            "gain, loss",
            "regret, loss",
            "rank corr., loss",
            "score",
        ]
        parts.append(f"K = {n_groups}:\n\n" + table(head, rows))
    return "\n\n".join(
        [
            f"{len(found['tasks'])} tasks, {found['examples']:,} examples, ten splits. Each method "
            "measures by itself, chooses by validation, and is scored on the test table of all "
            "subsets. Gain over joint training and regret against the best choice on test, in "
            "points of the mean over tasks (balanced accuracy; loss times 100), with 95 % "
            "intervals over splits; rank correlation with the true test values within a task; "
            "cost in trainings of one model. The regret to the optimum is never small, because "
            "the optimum is picked on the noise of the test table.",
            *parts,
            "Adjusted Rand index between the partitions that `dmtg` finds with ten seeds on one "
            "split: "
            + ", ".join(
                f"{which} {value:.2f}"
                for which, value in found["dmtg_adjusted_rand_between_seeds"].items()
            )
            + "."
            + (
                f" All but `dmtg` was judged on {found['others_judged']}."
                if "others_judged" in found
                else ""
            ),
        ]
    )


def _with_single(methods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Single-task models take as many models as there are tasks.

    Shown in every table, without a regret at that budget.
    """
    joint = next(m for m in methods if m["method"] == "joint")
    single = next(m for m in methods if m["method"] == "single")
    gains = {}
    for what in ("score", "loss"):
        mean = single[f"test {what}"]["mean"] - joint[f"test {what}"]["mean"]
        gains[f"{what} gain over joint"] = {"mean": mean, "low": None, "high": None}
    return [*methods, *({**single, **gains, "groups": k} for k in (JUDGED_AT, JUDGED_AT + 1))]


def with_interval(value: float, low: float | None, high: float | None, digits: int = 1) -> str:
    """A difference to so many digits and its interval to one, if it has one.

    Bold if that excludes zero.
    """
    if low is None or high is None:
        return f"{value:+.{digits}f}"
    clear = "**" if low > 0 or high < 0 else ""
    return f"{clear}{value:+.{digits}f}{clear} ({low:+.1f} to {high:+.1f})"


def _points(method: dict[str, Any], name: str) -> str:
    value = method.get(name)
    if value is None:
        return "–"
    return with_interval(value["mean"], value["low"], value["high"], digits=2)


def _correlation(method: dict[str, Any], what: str) -> str:
    value = method.get(f"rank correlation, {what}")
    return "–" if value is None else f"{value['mean']:+.2f}"


def advice(found: dict[str, dict[str, Any]]) -> str:
    """All methods at K = 2 on all tables in one.

    Cost, gain over joint in score and loss, rank correlation.
    """
    names = list(found)
    methods = {
        name: {m["method"]: m for m in _with_single(of["methods"]) if m["groups"] == JUDGED_AT}
        for name, of in found.items()
    }
    head = ["method", "trainings", *(f"{name}: gain, loss gain, rank corr." for name in names)]
    rows = []
    for method, first in methods[names[0]].items():
        cells = []
        for name in names:
            m = methods[name][method]
            rank = _correlation(m, "score" if "by score" in method else "loss")
            cells.append(
                f"{_mean(m, 'score gain over joint')}, {_mean(m, 'loss gain over joint')}, {rank}"
            )
        rows.append([method, f"{first['trainings']['mean']:.2g}", *cells])
    return table(head, rows)


def _mean(method: dict[str, Any], name: str) -> str:
    value = method[name]
    if value["low"] is None:
        return f"{value['mean']:+.1f}"
    clear = "**" if value["low"] > 0 or value["high"] < 0 else ""
    return f"{clear}{value['mean']:+.1f}{clear}"


def selection(found: dict[str, Any]) -> str:
    """Seconds and proofs of exact selection."""
    rows = [
        [
            name,
            s["asked"],
            f"{s['proven']} of {s['instances']}",
            f"{s['proven_with_more_time']} of {s['instances']}",
            f"{s['median_seconds']:.2f} s",
            f"{s['max_seconds']:.1f} s",
            f"{s['times_faster_than_plain']:.1f}x",
        ]
        for name, s in found["summary"].items()
    ]
    return (
        "Random tables, budgets of 1 to 4 (9 tasks) and 2 to 6 models (27 tasks), three seeds, 30 "
        "seconds, and ten minutes for "
        "those not proven by then; the last column compares with the plain integer programme on "
        "some instances:\n\n"
        + table(
            [
                "instances",
                "asked",
                "proven in 30 s",
                "with more time",
                "median",
                "longest",
                "faster than plain",
            ],
            rows,
        )
    )


def gradients(found: dict[str, Any]) -> str:
    """Grad-TAG features per second."""
    pairs = ("kronecker / loop", "kronecker / bare_loop", "dense / loop")
    rows = [
        [name, *(f"{found[name]['faster'][pair]['median']:.0f}x" for pair in pairs)]
        for name in ("mlp", "cnn")
    ]
    head = [
        "model",
        "factorised against the loop",
        "against a bare loop",
        "dense against the loop",
    ]
    return (
        "Projected gradients of examples and tasks, against a loop over them one by one, and "
        f"against the barest such loop, without a projection (asked: {found['asked']}):\n\n"
        + table(head, rows)
    )


def gain_over(gains: dict[str, Any], role: str) -> str:
    """A gain against the reference of a role, with its interval if there are several seeds.

    Bold if that excludes zero.
    """
    gain = next((g for reference, g in gains.items() if reference.startswith(role)), None)
    if gain is None:
        return "–"
    return with_interval(gain["gain"], gain["low"], gain["high"])


def faces(found: dict[str, Any]) -> str:
    """Five methods on nine attributes."""
    steps = {cost["arm"]: cost["model_steps"] for cost in found["costs"]}
    agreement, rows, groups = found["agreement"], [], []
    spent = {
        name: fmean(cost.get("model_steps", 0.0) for cost in found["measurement"][name])
        for name in agreement
    }
    for name, each in found["groups"].items():
        gains = {g["reference"]: g for g in found["mean_gains"] if g["arm"] == name}
        mine = [gain_over(gains, role) for role in ("joint", "single", "random", "ensemble")]
        between = fmean(found["stability"][name]["adjusted Rand between repetitions"])
        beyond = spent.get(name, sum(spent.values()))  # a choice takes them all
        rows.append(
            [
                name,
                f"{beyond:,.0f}",
                f"{steps[name] / steps['joint']:.1f}",
                f"{between:+.2f}",
                *mine,
            ]
        )
        if name in agreement:
            groups.append(
                f"- {name}: " + "; ".join("{" + ", ".join(group) + "}" for group in each[0])
            )
    pairs = [(a, b, value) for a, row in agreement.items() for b, value in row.items() if a < b]
    strongest = max(pairs, key=lambda pair: pair[2])
    return (
        f"3,000 images split by identity, 4 epochs, K = 3, {len(found['config']['seeds'])} seeds. "
        "Steps spent on measuring "
        "beyond the joint training, the cost of everything where joint training is 1, adjusted "
        "Rand index between groups of "
        "two seeds, gains in points (95 % intervals over seeds, bold where they exclude zero):\n\n"
        + table(
            [
                "method",
                "steps",
                "cost",
                "between seeds",
                "against joint",
                "single",
                "random",
                "ensemble",
            ],
            rows,
        )
        + f"\n\nTwo methods agree by {fmean([pair[2] for pair in pairs]):+.2f} on average, "
        f"{strongest[0]} and {strongest[1]} most "
        f"({strongest[2]:+.2f}).{' ' + found['note'] if 'note' in found else ''} Groups of "
        "the first seed:\n\n" + "\n".join(groups)
    )


def estimates(found: dict[str, Any]) -> str:
    """Grad-TAG's predictions of losses beside the blind guess and retraining."""
    names = [name for name in found if name != "about"]
    rows = [
        [
            which,
            *(
                f"{found[name][which]['correlation']:+.2f}, "
                f"{100 * found[name][which]['distance']:.1f} %"
                for name in names
            ),
        ]
        for which in found[names[0]]
    ]
    return (
        "Validation losses of all subsets of at least two tasks, one split, five seeds: "
        "within-target correlation and relative distance of the estimate, of the guess that is "
        "blind to subsets, and of training it all "
        "again with another seed:\n\n" + table(["", *names], rows)
    )


def adaptive(found: dict[str, Any]) -> str:
    """Subsets drawn adaptively and uniformly: planted groups found."""
    rows = [
        [
            row["tasks"],
            row["groups"],
            row["size"],
            round(row["subsets"]),
            f"{row['uniform']:.2f}",
            f"{row['adaptive']:.2f}",
            f"{row['gain'][0]:+.2f} ({row['gain'][1]:+.2f} to {row['gain'][2]:+.2f})",
        ]
        for row in found["rows"]
    ]
    return (
        "Planted scores: the sum of what the other members do for a task, 1 within its group and 0 "
        f"beyond, each with a spread of {found['spread']:g}, and noise (1 with few tasks in a "
        "subset, 2 with ten). Adjusted Rand index of the groups found from averages over as many "
        "subsets of either kind:\n\n"
        + table(
            ["tasks", "groups", "of a subset", "subsets", "uniform", "adaptive", "difference"], rows
        )
    )


def toy(found: dict[str, Any]) -> str:
    """Grad-TAG on planted clusters: two truths."""
    names = {
        "random signs": "gradtag, random signs",
        "eigenbases": "gradtag, eigenbases",
        "blind": "blind",
        "fine-tuned": "fine-tuned models",
        "again": "the same truth, another seed",
    }
    cells = [
        [
            f"{c['correlation']:+.2f}, {100 * c['distance']:.1f} %"
            if (c := found[truth].get(key))
            else "–"
            for truth in ("fine-tuned", "from scratch")
        ]
        for key in names
    ]
    return (
        "Twelve tasks in three planted clusters, subsets of four, 200 features, the default ridge, "
        "means over "
        f"{found['tables']} tables: within-target correlation and relative distance of validation "
        "losses, where the truth is "
        "the joint model fine-tuned on a subset, and where it is a model of the subset trained "
        "from scratch:\n\n"
        + table(
            ["", "fine-tuned", "from scratch"],
            [[name, *row] for name, row in zip(names.values(), cells, strict=True)],
        )
        + "\n\nThe estimate is good at what it estimates, going on from the joint model. How a "
        "subset trains from scratch is another question, on which two seeds of training agree no "
        "better than they do with the estimate."
    )
