"""The section of the benchmarks page on few labels."""

from __future__ import annotations

from typing import Any

from page_methods import table


def few_labels(found: dict[str, Any]) -> str:
    """Scores of the arms at each share, by data set, and what the intervals say."""
    return "\n\n".join(
        [
            "Mean test score of joint, grouped, single and forest (untuned) with shares of the labels "
            "of training and validation; the test part is whole, each seed draws its own labels, and "
            "everything is done anew at each share. In bold what is not surely worse than the best "
            "(95 %, all arms of a row at once). Gains are of grouped over joint, in points. "
            "`agreeing` and `disjoint` are planted tables (`coterie.testing.planted`: agreeing "
            "heads, disjoint examples) with their true groups.",
            *(_study(name, study) for name, study in found["studies"].items()),
        ]
    )


def _study(name: str, study: dict[str, Any]) -> str:
    arms, n_arms = study["arms"], len(study["arms"])
    gains = {(row["share"], row["arm"]): row for row in study["gains"]}
    rows = []
    for i, share in enumerate(study["shares"]):
        mine = study["scores"][i * n_arms : (i + 1) * n_arms]
        cells = [
            f"**{row['score']:.3f}**"
            if row["arm"] in study["contenders"][i]
            else f"{row['score']:.3f}"
            for row in mine
        ]
        gain = gains[share, "grouped"]
        interval = f"{gain['gain']:+.1f} ({gain['low']:.1f} to {gain['high']:.1f})"
        fewest = study["fewest_labels_of_a_class"][i]
        told = [f"{100 * share:g} %", f"{mine[0]['labels']:,.0f}", f"{fewest:,.0f}"]
        rows.append([*told, *cells, interval, gain["outcome"]])
    splits, seeds = study["details"]["repeats"], len(study["details"]["seeds"])
    head = f"**{name}**: {len(study['tasks'])} tasks, {study['counted']} of them in the means, "
    head += f"{study['metric']}; {splits} split{'s' if splits > 1 else ''} x {seeds} seeds."
    columns = ["labels", "a task", "fewest of a class", *arms, "grouped over joint", "outcome"]
    return head + "\n\n" + table(columns, rows)
