"""The sections of the benchmarks page on distilled examples."""

from __future__ import annotations

from typing import Any

from page_methods import table

_MEASURES = ("cosine", "lookahead", "data map")


def students(found: dict[str, Any]) -> str:
    """What students score by arm and number of examples."""
    settings, published = found["settings"], found["published"]
    metrics = ", ".join({metric for row in found["rows"] for metric in row["metrics"]})
    rows = [
        [
            row["per_class"],
            row["arm"],
            _spread(row["last"], row["last_sd"]),
            _spread(row["best"], row["best_sd"]),
            f"{row['to_centroid']:.3f}",
            f"{row['pairwise']:.3f}",
            f"{row['mean_iterations']:,.0f}",
            row["seeds"],
        ]
        for row in found["summary"]
    ]
    head = ["a class", "examples", "last epoch", "best epoch", "to centroid", "of two"]
    said = (
        f"`{settings['model']}` (width {settings['width']:g}), whose teacher has "
        f"{100 * found['teacher']:.1f} on validation; students of {settings['epochs']} epochs, "
        f"{settings['operations']} operations of RandAugment; {settings['iterations']:,} iterations "
        f"in rounds of {settings['round']}. {metrics} on test x 100, mean and standard deviation "
        "over seeds. What counts is the last epoch; the best one, chosen on test, is what papers "
        "report. Diversity is in features of the teacher: similarity to the centroid of a class "
        "(lower is more diverse) and mean distance of two (higher is)."
    )
    if published:
        told = ", ".join(f"{value:.1f} at {n}" for n, value in published.items())
        said += f" Published with ResNet-18 and 4,000 iterations, best epoch: {told} a class."
    return said + "\n\n" + table([*head, "mean iterations", "seeds"], rows)


def cost(found: dict[str, Any]) -> str:
    """Seconds beside a plain loop, and what EarlyLate saves."""
    rows = [
        [
            row["examples"],
            row["crop"],
            row["precision"],
            f"{row['microseconds_per_image_iteration']['coterie']:,.1f}",
            f"{row['microseconds_per_image_iteration']['hooks']:,.1f}",
            f"{row['ratio']:.2f}",
        ]
        for row in found["rows"]
    ]
    shares = ", ".join(
        f"{100 * share:.2f} % at {n}" for n, share in found["share_of_pixel_iterations"].items()
    )
    return (
        "Optimising the same images with the same frozen teacher, precision, memory format and "
        "crops: coterie beside a plain loop with a hook on each BatchNorm layer, turn by turn, "
        "microseconds for an image and iteration (of the process on a CPU):\n\n"
        + table(["images", "crop", "precision", "coterie", "hooks", "ratio"], rows)
        + f"\n\nEarlyLate (4,000 iterations, rounds of 500) leaves of the pixel iterations {shares} "
        f"a class; counted iteration by iteration {100 * found['counted_at_50']:.2f} % at 50."
    )


def proxy(found: dict[str, Any]) -> str:
    """Affinities and groups found on few images, beside those of all."""
    settings, arms = found["settings"], found["summary"]["arms"]
    lost = {name: each["regret"] for name, each in found.get("regret", {}).items()}
    rows = [
        [
            arm,
            name,
            _agreement(arms[arm][name]),
            f"{arms[arm][name]['rand']:.2f}",
            lost.get(name, {}).get(arm, "-"),
            f"{100 * arms[arm]['auroc']:.1f}",
        ]
        for arm in sorted(arms, key=_size)
        for name in _MEASURES
    ]
    apart = [
        [
            key,
            each["best real"],
            f"{each['difference']:+.3f}",
            "{:+.3f} to {:+.3f}".format(*each["interval"]),
        ]
        for key, each in found["summary"]["differences"].items()
    ]
    return (
        f"Affinities of CIFAR-10's fifteen tasks, measured while the joint `convnet` (width "
        f"{settings['width']:g}) trains {settings['epochs']} epoch(s) of {settings['n_train']:,} "
        "images, or as many steps on few of them, with their own labels (hard) or the teacher's "
        f"(soft). Agreement is Spearman's correlation with full data off the diagonal, mean and "
        "standard deviation over seeds, of full data with its other runs; Rand that of "
        f"{settings['n_groups']} groups with those of full data, adjusted; regret what models of "
        "the groups lose on test against those of full data, as a part of what the best groups "
        "met gain over random ones. AUROC x 100 is the joint model's on test.\n\n"
        + table(["images", "measured", "agreement", "Rand", "regret", "AUROC"], rows)
        + "\n\nAgreement of optimised images less that of the best real ones, with a 95 % "
        "bootstrap interval over seeds. They are recommended only if EarlyLate is above 0 there "
        "and loses less, too:\n\n"
        + table(["images and measure", "best real", "difference", "interval"], apart)
    )


def _agreement(found: dict[str, Any]) -> str:
    deviation = found["sd"]
    return f"{found['agreement']:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}")


def _size(arm: str) -> tuple[int, str]:
    """Full data first, then by the number of images, which the name of an arm begins with."""
    first = arm.split(maxsplit=1)[0]
    return (int(first), arm) if first.isdecimal() else (0, arm)


def _spread(mean: float, deviation: float | None) -> str:
    return f"{mean:.1f}" if deviation is None else f"{mean:.1f} ± {deviation:.1f}"
