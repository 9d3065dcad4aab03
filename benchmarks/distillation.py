"""What students learn from distilled examples, beside the same number of real ones.

One teacher, one recipe for all students, several seeds (of the crops and of the student):

python benchmarks/distillation.py cifar10 --data DATA_FOLDER --per-class 10
python benchmarks/distillation.py cifar100 --data DATA_FOLDER --per-class 10
python benchmarks/distillation.py emotions --data DATA_FOLDER --model mlp --per-class 5
python benchmarks/distillation.py cost --data DATA_FOLDER

Small, as a CPU does it in an hour or two (a quarter of the note's iterations, students without
RandAugment): --iterations 160 --round 20 --epochs 120 --operations 0 --width 0.5 --test 2500
--teacher-epochs 8. Results are written after every arm and seed; what is there already is kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev
from time import perf_counter, process_time
from typing import Any

import torch
import torch.nn.functional as F
from _common import RESULTS, log, on_gpu, save_result
from torch import Tensor, nn

import coterie as ct
from coterie.data import Dataset
from coterie.distillation import (
    Bank,
    EarlyLate,
    Objective,
    Recovery,
    Teachers,
    diversity,
    recover,
)
from coterie.distillation.augmentation import crop_boxes
from coterie.seeds import torch_generator
from coterie.training.device import Place

IMAGES, TABLES = ("cifar10", "cifar100"), ("emotions", "scene")
_VALIDATION = 2_000
# Published, ResNet-18, 4,000 iterations (DELT, table 1; the best of the epochs scored on test).
PUBLISHED = {("cifar10", 1): 24.0, ("cifar10", 10): 43.0, ("cifar10", 50): 64.9}


def arms(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What each arm asks of ``distill``, by name; without iterations examples stay as they are."""
    full = {"iterations": arguments.iterations, "round_iterations": arguments.round}
    real = {"iterations": 0}
    found = {
        "real, by the median": real,
        "real, at random": {**real, "rule": "random"},
        "all at once": {**full, "round_iterations": arguments.iterations},
        "EarlyLate": full,
        "EarlyLate, rate for each group": {**full, "restart": True},
    }
    if arguments.what in TABLES:
        return found
    shared = {**full, "crop": "shared"}
    return found | {
        "EarlyLate, one crop a batch": shared,
        "EarlyLate, as released": {**shared, "legacy": ("adam", "batches")},
    }


def load(arguments: argparse.Namespace) -> Dataset:
    """One of the sets: its official test part, or for tables a random one."""
    folder, name = arguments.data, arguments.what
    if name in TABLES:
        return ct.load(str(folder / "tabular" / f"{name}.parquet"))
    name = "cifar10" if name == "cost" else name
    sources = {
        part: [str(file) for file in sorted((folder / name).glob(f"{part}*.parquet"))]
        for part in ("train", "test")
    }
    label = {"cifar10": "label", "cifar100": "fine_label"}[name]
    n_train = arguments.images
    share = 0.8 * n_train / (n_train + _VALIDATION)
    data = ct.load(
        sources,
        targets=[label],
        exclude=["coarse_label"] if name == "cifar100" else (),
        limit=n_train + _VALIDATION,
        split=(share, 0.8 - share, 0.2),
        kinds={label: "multiclass"},
    )
    return _with_fewer_to_test(data, arguments.test)


def _with_fewer_to_test(data: Dataset, n: int | None) -> Dataset:
    from dataclasses import replace

    if n is None or n >= len(data.split.test):
        return data
    return replace(data, split=replace(data.split, test=data.split.test[:n]), rebuild=None)


def train_teacher(arguments: argparse.Namespace, data: Dataset) -> ct.Fit:
    """One model of the whole training part."""
    started = perf_counter()
    images = arguments.what not in TABLES
    how: dict[str, Any] = {
        "optimiser": "sgd",
        "lr": 0.1,
        "weight_decay": 5e-4,
        "schedule": "cosine",
    }
    if not images:
        how = {"lr": 1e-3}
    teacher = ct.fit(
        arguments.model,
        data,
        epochs=arguments.teacher_epochs,
        batch_size=128 if images else 32,
        augment=images,
        keep="last" if images else "best",
        device=arguments.device,
        precision=arguments.precision,
        model_options=options(arguments),
        metric="accuracy" if images else None,
        **how,
    )
    log(f"teacher: {teacher!r} ({perf_counter() - started:.0f} s)")
    return teacher


def options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Of the encoder."""
    return {} if arguments.width == 1 else {"width": arguments.width}


def compare(arguments: argparse.Namespace) -> None:
    """All arms, number by number of examples, seed by seed."""
    data = load(arguments)
    teacher = train_teacher(arguments, data)
    name = f"distillation_{arguments.what}{arguments.suffix}"
    asked = {
        key: value
        for key, value in vars(arguments).items()
        if key not in ("data", "what", "suffix", "arms", "seeds", "per_class", "first_seed")
    }
    rows = _kept(name, asked)
    for per_class in arguments.per_class:
        for arm, how in arms(arguments).items():
            if arguments.arms and arm not in arguments.arms:
                continue
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
                key = {"per_class": per_class, "arm": arm, "seed": seed}
                if any(key.items() <= row.items() for row in rows):
                    continue
                rows.append(key | one(arguments, data, teacher, per_class, how, seed))
                log(f"{key}: {rows[-1]['last']:.4f}, best {rows[-1]['best']:.4f}")
                save_result(
                    name,
                    {
                        "task": f"{arguments.what}, students of distilled and of real examples",
                        "settings": asked,
                        "teacher": float(teacher.scores.mean()),
                        "published": {
                            str(n): value
                            for (what, n), value in PUBLISHED.items()
                            if what == arguments.what
                        },
                        "summary": summary(rows),
                        "rows": rows,
                    },
                )


def one(
    arguments: argparse.Namespace,
    data: Dataset,
    teacher: ct.Fit,
    per_class: int,
    how: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Distil, and train a student; its scores, means over tasks."""
    place = {"device": arguments.device, "precision": arguments.precision}
    started = perf_counter()
    distilled = ct.distill(
        teacher, data, per_class, seed=seed, flip=arguments.what in IMAGES, **place, **how
    )
    seconds = perf_counter() - started
    student = ct.post_train(
        arguments.model,
        distilled,
        teacher,
        data,
        seeds=[seed],
        epochs=arguments.epochs,
        operations=arguments.operations,
        score_every=arguments.score_every,
        model_options=options(arguments),
        **place,
    )
    _, centroid, pairwise = diversity(distilled, teacher, device=arguments.device).means[0]
    return {
        "last": float(student.last.mean()),
        "best": float(student.best.mean()),
        "metrics": sorted(set(student.metric_names)),
        "to_centroid": centroid,
        "pairwise": pairwise,
        "mean_iterations": float(distilled.iterations.mean()),
        "examples": len(distilled),
        "seconds": seconds,
        "seconds_of_student": perf_counter() - started - seconds,
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and deviation over seeds by number of examples and arm, x 100."""
    found = []
    for per_class, arm in dict.fromkeys((row["per_class"], row["arm"]) for row in rows):
        mine = [row for row in rows if (row["per_class"], row["arm"]) == (per_class, arm)]
        told: dict[str, Any] = {"per_class": per_class, "arm": arm, "seeds": len(mine)}
        for name in ("last", "best"):
            values = [100 * row[name] for row in mine]
            told[name] = mean(values)
            told[f"{name}_sd"] = stdev(values) if len(values) > 1 else None
        for name in ("to_centroid", "pairwise", "mean_iterations", "seconds"):
            told[name] = mean(row[name] for row in mine)
        found.append(told)
    return found


def _kept(name: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of an earlier run with the same settings."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["rows"] if found["settings"] == json.loads(json.dumps(asked, default=str)) else []


def cost(arguments: argparse.Namespace) -> None:
    """Seconds per image and iteration, beside a plain loop with hooks; and what EarlyLate saves."""
    data = load(arguments)
    teacher = train_teacher(arguments, data)
    rows = []
    for per_class in arguments.per_class:
        rows.append(_beside_hooks(arguments, data, teacher, per_class))
        log(f"{rows[-1]}")
    saved = {per_class: 1 - EarlyLate(per_class=per_class).saving for per_class in (10, 50, 100)}
    counted = _counted_share()
    log(f"share of pixel iterations: {saved}, counted at 50 per class: {counted}")
    save_result(
        on_gpu("distillation_cost"),
        {
            "task": "recovering, seconds per image and iteration beside a plain loop with hooks",
            "settings": {"width": arguments.width, "repeats": arguments.repeats},
            "rows": rows,
            "share_of_pixel_iterations": saved,
            "counted_at_50": counted,
        },
    )


def _counted_share() -> float:
    """Pixel iterations of 50 examples a class in all rounds, counted one by one, against all."""
    schedule = EarlyLate(per_class=50)
    active = sum(schedule.active(iteration) for iteration in range(schedule.iterations))
    return active / (50 * schedule.iterations)


def _beside_hooks(
    arguments: argparse.Namespace, data: Dataset, teacher: ct.Fit, per_class: int
) -> dict[str, Any]:
    """Both loops on the same images, turn by turn: all at once, in one batch.

    On a CPU it is the time of the process that counts, which neighbours hardly disturb.
    """
    n_classes, iterations = len(data.tasks[0].classes), arguments.iterations
    how = Recovery(
        iterations=iterations,
        round_iterations=iterations,
        crop=arguments.crop,
        batch_size=n_classes * per_class,
        device=arguments.device,
        precision=arguments.precision,
    )
    place = Place.of(how.device, how.precision)
    teachers = Teachers.of(teacher, data, place)
    start = ct.distill(teacher, data, per_class, iterations=0, device=arguments.device)
    stored = torch.from_numpy(start.images.transpose(0, 3, 1, 2).copy())
    inputs = data.preprocessing.normalise(stored)
    ends = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 1, 1)
    low, high = data.preprocessing.normalise(ends)
    labels = torch.from_numpy(start.labels)
    bank = Bank(
        inputs=inputs.unflatten(0, (per_class, n_classes)),
        targets=torch.from_numpy(start.targets).unflatten(0, (per_class, n_classes)),
        ranks=start.ranks.reshape(per_class, n_classes)[:, 0],
        low=low,
        high=high,
    )
    objective = Objective(
        tasks=data.tasks.to(place.device),
        weights=torch.ones(1, device=place.device),
        scale=torch.ones(1, device=place.device),
        bn_weight=how.bn_weight,
        first_bn=how.first_bn,
    )
    schedule = how.schedule(per_class)
    loops: dict[str, Callable[[], object]] = {
        "coterie": lambda: recover(bank, teachers, objective, schedule, how),
        "hooks": partial(
            with_hooks, teachers.models[0], inputs, labels, (low, high), schedule, place, how.crop
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    clock = perf_counter if place.device.type == "cuda" else process_time
    for repeat in range(arguments.repeats + 1):
        for name, loop in loops.items():
            started = clock()
            loop()
            if place.device.type == "cuda":
                torch.cuda.synchronize()
            if repeat:  # the first warms up
                seconds[name].append(clock() - started)
    each = {
        name: 1e6 * median(values) / (iterations * len(inputs)) for name, values in seconds.items()
    }
    return {
        "examples": len(inputs),
        "precision": arguments.precision,
        "crop": how.crop,
        "microseconds_per_image_iteration": each,
        "ratio": each["coterie"] / each["hooks"],
    }


def with_hooks(
    model: nn.Module,
    start: Tensor,
    labels: Tensor,
    ends: tuple[Tensor, Tensor],
    schedule: EarlyLate,
    place: Place,
    crop: str,
) -> Tensor:
    """The loop as one writes it: a forward hook on every BatchNorm layer, all images at once.

    Same precision, memory format and frozen model; crops are cut and enlarged by interpolation, one
    for the batch, or image by image.
    """
    noted: list[Tensor] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...], _: object) -> None:
        x = given[0].float()
        mean_, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        trained = layer.get_buffer("running_mean"), layer.get_buffer("running_var")
        noted.append(torch.norm(mean_ - trained[0]) + torch.norm(variance - trained[1]))

    layers = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    handles = [layer.register_forward_hook(note) for layer in layers]
    pixels = start.to(place.device).clone().requires_grad_()
    low, high = (end.to(place.device) for end in ends)
    labels = labels.to(place.device)
    optimiser = torch.optim.Adam([pixels], lr=schedule.lr, betas=(0.5, 0.9), fused=True)
    size = (pixels.shape[-2], pixels.shape[-1])
    for iteration in range(schedule.iterations):
        noted.clear()
        optimiser.param_groups[0]["lr"] = schedule.rate(iteration)
        generator = torch_generator(0, "hooks", iteration)
        n = len(pixels) if crop == "image" else 1
        boxes = crop_boxes(n, size, (schedule.area(iteration), 1.0), generator).int().tolist()
        flipped = torch.randint(2, (n,), generator=generator).tolist()
        parts = [
            _enlarged(pixels if n == 1 else pixels[i : i + 1], box, flip, size)
            for i, (box, flip) in enumerate(zip(boxes, flipped, strict=True))
        ]
        seen = torch.cat(parts).contiguous(memory_format=torch.channels_last)
        optimiser.zero_grad()
        with place.autocast():
            outputs = model(seen)
        distance = 10 * noted[0] + torch.stack(noted[1:]).sum()
        (F.cross_entropy(outputs.float(), labels) + 0.01 * distance).backward()
        optimiser.step()
        with torch.no_grad():
            pixels.clamp_(low, high)
    for handle in handles:
        handle.remove()
    return pixels.detach()


def _enlarged(images: Tensor, box: list[int], flip: int, size: tuple[int, int]) -> Tensor:
    top, left, tall, wide = box
    cut = images[..., top : top + tall, left : left + wide]
    cut = F.interpolate(cut, size, mode="bilinear")
    return cut.flip(-1) if flip else cut


def main() -> None:
    """Parse, run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=[*IMAGES, *TABLES, "cost"])
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10/, tabular/")
    parser.add_argument("--per-class", type=int, nargs="+", default=[10])
    parser.add_argument("--arms", nargs="+", default=[], help="some of them, by name")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--model", default="convnet")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--images", type=int, default=48_000, help="to train the teacher on")
    parser.add_argument("--teacher-epochs", type=int, default=30)
    parser.add_argument("--iterations", type=int, default=4000)
    parser.add_argument("--round", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=300, help="of students")
    parser.add_argument("--operations", type=int, default=4, help="of RandAugment, 0 for none")
    parser.add_argument("--score-every", type=int, default=10)
    parser.add_argument("--test", type=int, help="use so many test images")
    parser.add_argument("--crop", choices=["image", "shared"], default="shared", help="of cost")
    parser.add_argument("--repeats", type=int, default=3, help="of cost")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--suffix", default="", help="of the name of the results")
    arguments = parser.parse_args()
    if arguments.what == "cost":
        cost(arguments)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
