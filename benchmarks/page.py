"""Write docs/benchmarks.md from the JSON results, so that no figure on that page is typed by hand.

And docs/published.md from the entries of methods as their papers have them.

python benchmarks/page.py           # write the pages
python benchmarks/page.py --check   # exit status 1 if one is out of date
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _common import RESULTS
from page_decisions import answers, found_groups, wrong
from page_distillation import cost as recovering
from page_distillation import proxy, students
from page_dmtg import conflicting, cost, images, one_shot, planted
from page_labels import few_labels
from page_methods import (
    adaptive,
    advice,
    estimates,
    faces,
    gain_over,
    gradients,
    judged,
    selection,
    table,
    toy,
    truth,
)
from page_published import published
from page_regimes import gained, methods
from page_stg_mtl import scalability, tables_of
from page_structure import false_structure
from page_tables import cost as networks_cost
from page_tables import settings, tables

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
ADVICE = PAGE.with_name("judged.txt")
PUBLISHED = PAGE.with_name("published.md")
TABLES = ("emotions", "scene", "flags")
STG_MTL = {
    "ten": "CIFAR-10, ten tasks",
    "fifteen": "CIFAR-10, fifteen tasks",
    "hundred": "CIFAR-100",
}
DISTILLED = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "emotions": "emotions",
    "scene": "scene",
}
HEAD = """# Benchmarks

Every figure on this page comes from a JSON file in `benchmarks/results/`, written by the script \
named in its section; the
page itself is made from those files by `benchmarks/page.py`. Speeds are ratios taken side by side \
in one run, because the
machines were shared; seconds are only given for orientation. The image and table data are not \
part of the repository.
"""


def ten(found: dict[str, Any]) -> str:
    """CIFAR-10, ten tasks."""
    rows = [
        [
            run["seed"],
            "yes" if run["published_groups"] else "no",
            f"{run['mean_absolute_difference']:.3f}",
            run["auto"],
        ]
        for run in found["runs"]
    ]
    published = found["published"]
    mean = {
        task: sum(run["membership_in_machine_group"][task] for run in found["runs"])
        / len(found["runs"])
        for task in published
    }
    return "\n\n".join(
        [
            "Ten one-vs-rest tasks, two groups, read at m = 2; 10,000 images, 5 epochs, the "
            "paper's small network. Asked: the published groups (machines, animals) on every seed, "
            "mean absolute difference of the memberships at most 0.06.",
            table(
                ["seed", "published groups", "mean absolute difference", '`"auto"` answers K ='],
                rows,
            ),
            "Membership in the machine group:",
            table(
                ["", *published],
                [
                    ["published", *published.values()],
                    ["here, mean", *(f"{mean[t]:.2f}" for t in published)],
                ],
            ),
        ]
    )


def fifteen(found: dict[str, Any]) -> str:
    """CIFAR-10, fifteen tasks, at one number of images."""
    best = sorted(found["budgets"], key=lambda b: (-b["holds"], b["image_passes"]))[:6]
    rows = [
        [
            f"{b['images']:,}",
            " + ".join(map(str, b["snapshots"])),
            b["random_alone"],
            b["living_together"],
            b["machines_and_animals_apart"],
            f"**{b['holds']}** of {b['seeds']}",
        ]
        for b in best
    ]
    last = found["rows"][-1]["groups"]
    shown = "; ".join("{" + ", ".join(group) + "}" for group in last)
    return "\n\n".join(
        [
            "Fifteen tasks, three groups: `random` alone, `living` with `not living`, machines and "
            "animals apart. The readings of one long run per seed that hold most often (snapshots "
            "are epochs; several are concatenated):",
            table(
                [
                    "images",
                    "snapshots",
                    "random alone",
                    "living together",
                    "machines, animals apart",
                    "all hold",
                ],
                rows,
            ),
            f"The last reading of the last seed: {shown}.",
        ]
    )


def hundred(found: dict[str, Any]) -> str:
    """CIFAR-100."""
    rows = []
    for name, r in found["readings"].items():
        together = "yes" if r["people_together"] else f"{r['people_in_largest_shared_group']} of 5"
        agreement = [
            f"{of[key]:.3f}"
            for key in ("adjusted_rand", "normalised_mutual_information")
            for of in (r, r["random"])
        ]
        rows.append([name, together, *agreement])
    return "\n\n".join(
        [
            f"100 one-vs-rest tasks, K = 20, {found['images']:,} images, "
            f"{found['seconds'] / 60:.0f} minutes on {found['about']['hardware']['torch_threads']} "
            "core(s). The 20 superclasses were not shown to the method.",
            table(
                [
                    "",
                    "five people together",
                    "adjusted Rand",
                    "random groups",
                    "mutual information",
                    "random groups",
                ],
                rows,
            ),
        ]
    )


def pays(found: dict[str, Any]) -> str:
    """One comparison."""
    arms = list(found["groups"])
    rows = []
    for arm in arms:
        gains = {g["reference"]: g for g in found["mean_gains"] if g["arm"] == arm}
        rows.append(
            [arm, *(gain_over(gains, role) for role in ("joint", "single", "random", "ensemble"))]
        )
    config = found["config"]
    repeats = f"{config['repeats']} splits x " if config["repeats"] > 1 else ""
    return "\n\n".join(
        [
            f"{len(found['tasks'])} tasks, {repeats}{len(config['seeds'])} seeds; mean gain over "
            "tasks in points of balanced accuracy with its 95 % interval:",
            table(["grouping", "against joint", "single", "random", "ensemble"], rows),
            "\n".join(
                f"* {sentence}"
                for sentence in found["verdict"]
                if "worth" in sentence or "loses" in sentence
            ),
        ]
    )


def kept(found: dict[str, Any]) -> str:
    """Which epoch is kept, and what patience loses."""
    rows = []
    for name, study in found["studies"].items():
        for what, one in study.items():
            rows.append(
                [
                    f"{name}, {what}",
                    ", ".join(map(str, one["steps_an_epoch"])),
                    f"{one['test']['loss']['mean']:.1f}",
                    *(_with_error(one["against_loss"][rule]) for rule in ("decides", "threshold")),
                    _with_error(one["last"]),
                    f"{one['best_step'][2]:.0f} ({one['best_step'][-1]:.0f})",
                    *(
                        f"{one['patience'][each]['gained']['mean']:+.2f}"
                        for each in ("3", "5", "10", "default")
                    ),
                    f"{one['patience']['default']['epochs'][2]:.0f}",
                ]
            )
    head = ["models", "steps an epoch", "lowest loss", "highest AUROC, R²"]
    head += ["highest balanced accuracy", "last epoch", "steps to the lowest loss, median (most)"]
    head += ["patience of 3", "5", "10", "default", "epochs then"]
    return (
        f"Joint and single-task models trained far too long, {found['seeds']} seeds, batches of "
        f"{found['batch_size']}. Points of AUROC or R² on test at the epoch of the lowest "
        "validation loss; then what other epochs, or stopping early, give on top (standard errors "
        "over trainings in brackets). The loss is the rule: it is best or as good on tables, where "
        "the others lose up to three points; on few images, where it rises while the order still "
        "gets better, it costs a point of AUROC and buys the better probabilities.\n\n"
        + table(head, rows)
    )


def _with_error(spread: dict[str, float]) -> str:
    return f"{spread['mean']:+.2f} ({spread['se']:.2f})"


def job(found: dict[str, Any]) -> str:
    """The whole job against the plain way."""
    return (
        "Recording, grouping and two specialised models on CIFAR-10, an epoch each, against the "
        "plain way: one model at a time, a DataLoader with a JPEG decoded by PIL per example, a "
        f"Python loop of per-task losses, fp32. **{_times(found['faster'])}** faster (asked: "
        f"{found['asked']})."
    )


def stacks(found: dict[str, Any]) -> str:
    """Stacks against one after the other."""
    rows = [
        [name, r["strategy"], _times(r["faster"]), r["asked"]]
        for name, r in found.items()
        if isinstance(r, dict) and "faster" in r
    ]
    return "Training M models as one stack against M fits one after the other:\n\n" + table(
        ["models", "strategy", "faster", "asked"], rows
    )


def together(found: dict[str, Any]) -> str:
    """Chunks of several sizes against the loop."""
    by_rows = "milliseconds by rows of a chunk"
    sizes = [size for size in found["steps"][0][by_rows] if size != "1"]
    rows = [
        [
            " x ".join(map(str, step["hidden"])),
            step["batch size"],
            f"{step['MFLOP']:.1f}",
            *(f"{step[by_rows]['1'] / step[by_rows][size]:.1f}" for size in sizes),
        ]
        for step in found["steps"]
    ]
    return (
        f"A step of {found['rows']} `mlp`s, looped over against batched in chunks of so many rows: how many times as fast. A "
        "stack is batched on a CPU up to 17 million operations in the forward pass of a model.\n\n"
        + table(["hidden", "batch size", "MFLOP", *(f"{size} rows" for size in sizes)], rows)
    )


def near_the_floor(found: dict[str, Any]) -> str:
    """The command against a loop by hand."""
    seconds = found["least processor seconds"]
    rows = [[name, f"{value:.1f} s"] for name, value in seconds.items()]
    return (
        "`run --model mlp --rivals none --no-headroom --seeds 3 --epochs 10` on emotions, against a batched loop written by "
        f"hand for the same {found['models trained']} models and nothing else, whole processes with imports. Asked: at most "
        f"twice. **{found['run / floor, processor']:.2f}** times the processor seconds, "
        f"**{found['run / floor, wall']:.2f}** times the time.\n\n"
        + table(["process", "least processor seconds"], rows)
    )


def recording(found: dict[str, Any]) -> str:
    """Recording on and off."""
    rows = [
        [
            name,
            f"{r['ratio']['median']:.4f} ({r['ratio']['min']:.4f} to {r['ratio']['max']:.4f})",
            r["asked"],
        ]
        for name, r in found.items()
        if isinstance(r, dict) and "ratio" in r
    ]
    return (
        "An epoch of the `cnn` with recording, in the time of the same epoch less what was spent "
        "in the recorder:\n\n" + table(["tasks", "ratio", "asked"], rows)
    )


def tasks(found: dict[str, Any]) -> str:
    """Number of tasks."""
    rows = [
        [name, f"{r['median']:.2f} ({r['min']:.2f} to {r['max']:.2f})"]
        for name, r in found["ratio"].items()
    ]
    return f"An epoch of the `cnn` in epochs with ten tasks (asked: {found['asked']}):\n\n" + table(
        ["tasks", "ratio"], rows
    )


def memory(found: dict[str, Any]) -> str:
    """Grouping a map larger than memory."""
    rows = []
    for run in found["runs"]:
        peak = max(value["peak_anonymous_gb"] for value in run.values() if isinstance(value, dict))
        share, rand = run["missing_share"], run["adjusted_rand_with_planted_groups"]
        rows.append([f"{share:.0%}", f"{run['gram']['seconds']:.0f} s", f"{peak:.2f} GB", rand])
    return (
        f"Grouping {found['tasks']:,} tasks x {found['examples']:,} examples from a memory-mapped "
        f"map, {found['groups']} "
        f"planted groups (asked: within {found['limit_gb']:g} GB of anonymous memory):\n\n"
        + table(
            [
                "labels missing",
                "distances",
                "peak anonymous memory",
                "adjusted Rand with the planted groups",
            ],
            rows,
        )
    )


def _times(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.1f}x ({ratio['min']:.1f} to {ratio['max']:.1f})"


SECTIONS: list[tuple[str, str, str, Callable[[dict[str, Any]], str]]] = [
    ("Published groups: CIFAR-10, ten tasks", "reproduce_cifar10.py", "cifar10_ten", ten),
    (
        "Published groups: CIFAR-10, fifteen tasks, 10,000 images",
        "reproduce_cifar10.py",
        "cifar10_fifteen_10000",
        fifteen,
    ),
    (
        "Published groups: CIFAR-10, fifteen tasks, 20,000 images",
        "reproduce_cifar10.py",
        "cifar10_fifteen_20000",
        fifteen,
    ),
    (
        "Published groups: CIFAR-10, fifteen tasks, 45,000 images",
        "reproduce_cifar10.py",
        "cifar10_fifteen_45000",
        fifteen,
    ),
    ("Published groups: CIFAR-100", "reproduce_cifar100.py", "cifar100", hundred),
    *(
        (f"Tables of STG-MTL: {title}", "stg_mtl.py", f"stg_mtl_{name}", tables_of)
        for name, title in STG_MTL.items()
    ),
    ("What finding groups costs", "scalability.py", "scalability", scalability),
    ("Does it pay? emotions", "does_it_pay.py", "pays_emotions", pays),
    ("Does it pay? scene", "does_it_pay.py", "pays_scene", pays),
    ("Does it pay? landmine", "does_it_pay.py", "pays_landmine", pays),
    ("Does it pay? parkinsons", "does_it_pay.py", "pays_parkinsons", pays),
    ("Does it pay? CIFAR-10", "does_it_pay.py", "pays_cifar10", pays),
    ("Does it pay? CelebA", "does_it_pay.py", "pays_celeba", pays),
    ("Planted regimes: what true groups gain", "planted.py", "planted", gained),
    ("Planted regimes: which method finds them", "regimes.py", "regimes", methods),
    ("Which arm wins with few labels?", "learning_curves.py", "learning_curves", few_labels),
    ("What is answered, and how soon?", "answers.py", "answers", answers),
    ("How often are answers wrong?", "decisions.py", "decisions", wrong),
    ("Are planted groups found?", "decisions.py", "decisions_groups", found_groups),
    ("Networks and trees on tables", "tables.py", "tables", tables),
    ("Networks on tables: whole comparisons", "tables.py", "tables_cost", networks_cost),
    ("Settings of `tabm`", "tables.py", "tables_tuning", settings),
    ("Which epoch is kept, and how long to wait", "kept_epoch.py", "kept_epoch", kept),
    ("Groups that are not there", "false_structure.py", "false_structure", false_structure),
    ("Speed: the whole job", "speed.py", "speed_job", job),
    ("Speed: the whole job on a GPU", "speed.py", "speed_job_gpu", job),
    ("Speed: stacks", "speed.py", "speed_stacks", stacks),
    ("Speed: rows together", "strategy.py", "strategy", together),
    ("Speed: how near the floor", "floor.py", "floor", near_the_floor),
    ("Speed: recording", "speed.py", "speed_recording", recording),
    ("Speed: number of tasks", "speed.py", "speed_tasks", tasks),
    ("Memory: grouping", "grouping_memory.py", "grouping_memory", memory),
    ("Speed: exact selection", "selection.py", "selection", selection),
    ("Speed: Grad-TAG features", "gradtag.py", "gradtag_speed", gradients),
    ("Grad-TAG: how well it predicts", "gradtag_quality.py", "gradtag_quality", estimates),
    ("Grad-TAG: planted clusters", "gradtag_toy.py", "gradtag_toy", toy),
    ("Grad-TAG: adaptive sampling", "adaptive_sampling.py", "adaptive_sampling", adaptive),
    ("Five methods on CelebA", "celeba_methods.py", "celeba_methods", faces),
    ("Differentiable grouping: planted groups", "dmtg_planted.py", "dmtg_planted", planted),
    (
        "Differentiable grouping: conflicting heads",
        "dmtg_conflicting.py",
        "dmtg_conflicting",
        conflicting,
    ),
    ("Differentiable grouping: cost", "dmtg_cost.py", "dmtg_cost", cost),
    ("DMTG as published: nine attributes", "dmtg_one_shot.py", "dmtg_one_shot_nine", one_shot),
    ("DMTG as published: forty attributes", "dmtg_one_shot.py", "dmtg_one_shot_all", one_shot),
    ("Differentiable grouping: CIFAR-10", "dmtg_images.py", "dmtg_cifar10", images),
    (
        "Differentiable grouping: CIFAR-10, default mode",
        "dmtg_images.py",
        "dmtg_cifar10_annealed",
        images,
    ),
    ("Differentiable grouping: CelebA", "dmtg_images.py", "dmtg_celeba", images),
    (
        "Differentiable grouping: CelebA, default mode",
        "dmtg_images.py",
        "dmtg_celeba_annealed",
        images,
    ),
    (
        "Differentiable grouping: CelebA, all images, default mode",
        "dmtg_images.py",
        "dmtg_celeba_all_annealed",
        images,
    ),
    *(
        (f"Distilled examples: {title}", "distillation.py", f"distillation_{name}", students)
        for name, title in DISTILLED.items()
    ),
    ("Distilled examples: cost", "distillation.py", "distillation_cost", recovering),
    ("Few images as a proxy for grouping", "proxy.py", "proxy", proxy),
    *(
        (f"Ground truth: {name}", "ground_truth.py", f"ground_truth_{name}", truth)
        for name in TABLES
    ),
    *((f"Methods judged: {name}", "judge_methods.py", f"judged_{name}", judged) for name in TABLES),
]


UNTOLD = ("proxy",)
"""Sections that are left out while there is no result."""


def page() -> str:
    """The whole page; what has no result yet is said to have none."""
    parts = [HEAD]
    for title, script, name, write in SECTIONS:
        file = RESULTS / f"{name}.json"
        if not file.exists():
            if name in UNTOLD:
                continue
            parts.append(f"## {title}\n\nNot measured yet (`benchmarks/{script}`).\n")
            continue
        found = json.loads(file.read_text(encoding="utf-8"))
        about = found["about"]
        machine = (
            about["hardware"]["gpu"]
            or f"{about['hardware']['processor']}, {about['hardware']['cores']} cores"
        )
        source = (
            f"`benchmarks/{script}`, {about['date'][:10]}, torch {about['versions']['torch']}, "
            f"{machine}, " + (f"{about['hardware']['torch_threads']} thread(s).")
        )
        parts.append(f"## {title}\n\n{write(found)}\n\n{source}\n")
    return "\n".join(parts)


def judged_together() -> str:
    """The one table of the page on what to use when."""
    files = {name: RESULTS / f"judged_{name}.json" for name in TABLES}
    return (
        advice(
            {
                name: json.loads(f.read_text(encoding="utf-8"))
                for name, f in files.items()
                if f.exists()
            }
        )
        + "\n"
    )


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    written = {PAGE: page(), ADVICE: judged_together(), PUBLISHED: published()}
    if parser.parse_args().check:
        stale = [path.name for path, text in written.items() if path.read_text("utf-8") != text]
        if stale:
            sys.exit(f"{', '.join(stale)} in docs/ is out of date: python benchmarks/page.py")
        return
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
