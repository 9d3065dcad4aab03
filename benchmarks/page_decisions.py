"""Sections of the page about how often the answers of a comparison are wrong."""

from __future__ import annotations

from typing import Any

from page_methods import table, with_interval

RULES = {"new": "seeds and examples", "earlier": "seeds alone"}


def wrong(found: dict[str, Any]) -> str:
    """Rates of wrong answers and of none, by both rules."""
    rows = [
        [
            line["source"],
            line["examples"],
            line["seeds"],
            RULES[line["rule"]],
            *(
                _percent(line[key])
                for key in (
                    "false better",
                    "false not worth it",
                    "border better",
                    "border not worth it",
                    "found better",
                    "undecided",
                )
            ),
        ]
        for line in found["summary"]
    ]
    settings = found["settings"]
    planted = found["pools"] - 3
    new = [line for line in found["summary"] if line["rule"] == "new"]
    return (
        f"Mean gains over tasks in AUROC, margin .5 points. Pools: three tables, {settings['seeds']} "
        f"seeds each, and {planted} planted sets, {settings['planted_seeds']} seeds each; "
        f"{sum(line['comparisons'] for line in new):,} comparisons by each rule. *Better* is false "
        "where the true gain is 0 or less, *not worth it* (or worse) where it is above the margin; "
        "*at the border* every true gain is moved to just there. *Found* is the share of gains "
        "above the margin that are called better. Asked: at most 5 % false. Comparisons of one draw "
        "share its seeds and examples, so rates are less certain than their number says.\n\n"
        + table(
            [
                "pools",
                "test examples",
                "seeds",
                "interval over",
                "false better",
                "false not worth it",
                "better, at the border",
                "not worth it, at the border",
                "found",
                "undecided",
            ],
            rows,
        )
    )


def found_groups(found: dict[str, Any]) -> str:
    """Whether comparisons find planted groups."""
    lines = found["comparisons"]
    by_regime: dict[str, list[bool]] = {}
    for line in lines:
        by_regime.setdefault(line["regime"], []).append(line["better"])
    rows = [
        [
            line["regime"],
            line["set"],
            *(
                with_interval(gain["gain"], gain["low"], gain["high"])
                for gain in line["against"].values()
            ),
            "yes" if line["better"] else "no",
        ]
        for line in lines
    ]
    counts = ", ".join(f"{sum(each)} of {len(each)} ({name})" for name, each in by_regime.items())
    return (
        "`coterie.compare` with the true groups of planted sets and five seeds; gains in points of "
        f"AUROC over seeds and test examples. Better than all three: {counts}.\n\n"
        + table(["regime", "set", *lines[0]["against"], "better than all"], rows)
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def answers(found: dict[str, Any]) -> str:
    """What the main job answers, first sentence and all, with its defaults."""
    rows = [
        [
            name,
            f"`{' '.join(run['arguments'])}`" if run["arguments"] else "",
            f"{run['seconds'] / 60:.1f} min",
            run["outcome"],
            " ".join(run["sentences"][:2]),
            run["headroom"] or "",
        ]
        for name, run in found["runs"].items()
    ]
    of_all = found.get("threads")
    of_each = {run.get("threads", of_all) for run in found["runs"].values()} - {None}
    threads = f" on {max(of_each)} thread(s)" if of_each else ""
    return (
        f"`coterie run --data ...` as it is, one after the other{threads}, on a machine that did "
        "other work besides. Asked: a decision, or what would settle it, within 15 minutes.\n\n"
        + table(["data", "besides", "took", "outcome", "first said", "headroom"], rows)
    )
