"""The sections of docs/benchmarks.md about differentiable grouping."""

from __future__ import annotations

from statistics import mean
from typing import Any

from page_methods import table, with_interval


def planted(found: dict[str, Any]) -> str:
    """Planted groups: worth finding, and found by whom."""
    worth, scores = found["worth"], found["worth"]["scores"]
    rows = [
        [
            name,
            f"**{line['adjusted_rand']:.2f}**",
            f"{line['exact']} of {line['seeds']}",
            _above(line),
            f"{100 * line['score']:.1f}",
            f"{line['branches']:.1f}",
            f"{line['probability']:.2f}",
        ]
        for name, line in found["summary"].items()
    ]
    n_seeds = next(iter(found["summary"].values()))["seeds"]
    return "\n\n".join(
        [
            f"{found['tasks']} tasks in {found['groups']} planted groups that share a latent, "
            f"{n_seeds} seeds; validation scores are balanced accuracy. Asked: the true groups "
            "beat random ones when trained; the best mode at least 0.6 in adjusted Rand index on "
            "average, and clearly above `paper`.",
            f"Trained: true groups {100 * scores['true']:.1f}, random {100 * scores['random']:.1f} "
            f"(true above random by {worth['gain']:.1f}, {worth['low']:.1f} to "
            f"{worth['high']:.1f}), joint {100 * scores['joint']:.1f}, single "
            f"{100 * scores['single']:.1f}.",
            table(
                [
                    "search",
                    "adjusted Rand",
                    "exact",
                    "above `paper`",
                    "score",
                    "branches used",
                    "final probability",
                ],
                rows,
            ),
        ]
    )


def _above(line: dict[str, Any], name: str = "above_paper") -> str:
    middle, low, high = line[name]
    return "–" if middle == low == high == 0 else f"{middle:+.2f} ({low:+.2f} to {high:+.2f})"


def conflicting(found: dict[str, Any]) -> str:
    """Conflicting heads: what finds the groups, and from where a search starts."""
    sizes = " and ".join(map(str, found["sizes"]))
    told = {
        "even": f"Nine tasks in three groups of three, {len(found['tables']['even'])} tables:",
        "uneven": f"Groups of {sizes.replace(' and ', ', ', 1)} tasks, "
        f"{len(found['tables'].get('uneven', {}))} tables:",
    }
    parts = [
        "Trainings to find the groups, adjusted Rand index with the true ones and its difference to "
        "the groups of the joint model's data map, paired over tables, with a 95 % interval; mean "
        "balanced accuracy on validation of models of the groups trained anew, and of the branches "
        "as the search left them."
    ]
    for kind, lines in found["summary"].items():
        rows = [
            [
                line["arm"],
                line["trainings"] or "–",
                f"**{line['adjusted_rand']:.2f}**",
                line["exact"],
                _above(line, "above data map") if "above data map" in line else "–",
                f"{100 * line['anew']:.1f}",
                f"{100 * line['as it is']:.1f}" if "as it is" in line else "–",
            ]
            for line in lines
        ]
        columns = ["groups", "trainings", "adjusted Rand", "exact", "above data map"]
        parts += [told[kind], table([*columns, "trained anew", "as they are"], rows)]
    return "\n\n".join(parts)


def one_shot(found: dict[str, Any]) -> str:
    """DMTG as published on faces, beside what could be reached of the paper's figures."""
    rows = [
        [
            line["arm"],
            f"{line['trainings']:.3g}",
            f"{line['total error']:.1f}",
            _between(line.get("normalised gain")),
            f"{line['AUROC']:.1f}",
            _between(line.get("gain in AUROC")),
        ]
        for line in found["summary"]
    ]
    published = found["published"]
    columns = ["arm", "trainings", "total error", "normalised gain", "AUROC", "gain in AUROC"]
    return "\n\n".join(
        [
            f"{found['images']:,} images split by identity, {found['epochs']} epochs, "
            f"{found['seeds']} seeds; differences to joint over seeds, in points, normalised gain "
            "in %.",
            table(columns, rows),
            f"Published: {published['what']}: "
            + "; ".join(
                f"{method} " + ", ".join(f"K = {k} {gain:+.1f}" for k, gain in gains.items())
                for method, gains in published.items()
                if method != "what"
            )
            + ". No table of faces could be reached.",
        ]
    )


def _between(interval: list[float] | None) -> str:
    return "–" if interval is None else with_interval(*interval)


def cost(found: dict[str, Any]) -> str:
    """Steps of a search, and what is left of it."""
    rows = [
        [
            model,
            case["search"]["strategy"],
            search,
            _times(case["search"]["ratio"][search]),
            _times(case["search"]["ratio_to_the_stack"][search]),
        ]
        for model, case in found["models"].items()
        for search in case["search"]["ratio"]
    ]
    left = []
    for model, case in found["models"].items():
        taken = case["taken away"]
        left.append(
            [
                model,
                taken["groups"],
                taken["heads"],
                *(f"{n:,}" for n in taken["parameters"]),
                _times(taken["ratio"]),
            ]
        )
    return "\n\n".join(
        [
            f"An epoch (validation included) of a search with K = {found['branches']} branches, in "
            "epochs of as many joint models trained one after the other, and of the same as a "
            f"stack (asked: {found['asked']}, sharply below with a stem; stems of "
            + " and ".join(f"{n} layers of the `{model}`" for model, n in found["stems"].items())
            + "):",
            table(["model", "executed as", "", "of K joint models", "of their stack"], rows),
            "What is taken away after pruning and fine-tuning, beside the hard model of an "
            "ordinary training of the same groups:",
            table(
                [
                    "model",
                    "groups",
                    "heads",
                    "parameters",
                    "of the hard model",
                    "prediction in its time",
                ],
                left,
            ),
        ]
    )


def images(found: dict[str, Any]) -> str:
    """Searches on images against all baselines."""
    rows = []
    for line in found["summary"]:
        gain = "–"
        if line["arm"] != "joint" and "gain" in line:
            gain = with_interval(line["gain"], line["low"], line["high"])
        rows.append([line["arm"], f"{line['trainings']:.3g}", f"{line['score']:.1f}", gain])
    certain = {
        arm: mean(
            max(task) for seed in found["seeds"].values() for task in seed[arm]["probabilities"]
        )
        for arm, entry in next(iter(found["seeds"].values())).items()
        if "probabilities" in entry and not arm.endswith("tuned")
    }
    tuned = (
        '"Tuned" models were trained for one more epoch, those of a search each branch on its own '
        "tasks."
        if any(line["arm"] == "joint, tuned" for line in found["summary"])
        else '"Tuned": one more epoch, each branch on its own tasks. The other arms had no such '
        "epoch in this run."
    )
    return "\n\n".join(
        [
            f"{len(found['seeds'])} seeds, {found['epochs']} epochs for all, mean balanced "
            "accuracy over tasks on test, gain over joint in points with its 95 % interval; cost "
            f"in trainings of one model. {tuned}",
            table(["arm", "trainings", "score", "gain over joint"], rows),
            "Final probability of a task's own branch, on average: "
            + ", ".join(f"{arm} {value:.2f}" for arm, value in certain.items())
            + ".",
            *([found["note"]] if "note" in found else []),
        ]
    )


def _times(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"
