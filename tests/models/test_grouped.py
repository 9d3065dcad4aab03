"""The module that a user takes away."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from coterie.data import load
from coterie.errors import CoterieError
from coterie.fitting import fit
from coterie.models import GroupedModel
from coterie.training import predict

KINDS = {"a": "binary", "b": "multiclass", "c": "regression", "d": "binary"}
MEMBERSHIP = np.array([[0.7, 0.3, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0]])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5)).astype(np.float32)
    y = np.stack(
        [x[:, 0] > 1, np.digitize(x[:, 1], [-0.4, 0.4]), 3 * x[:, 2] + 10, x[:, 3] > 0], axis=1
    )
    return load({"inputs": x, "targets": y.astype(np.float32)}, names=list(KINDS), kinds=KINDS)


@pytest.fixture(scope="module")
def trained(data):
    return fit("mlp", data, np.ones((3, 4)), epochs=2, model_options={"hidden": (8,)}).stack


@pytest.fixture
def soft(data, trained):
    return GroupedModel.from_stack(trained, MEMBERSHIP, data.tasks, data.preprocessing)


def test_soft_ensemble_is_the_membership_average_of_logits(data, trained, soft):
    outputs = predict(trained, data, data.split.test)
    columns = [0, 1, 1, 1, 2, 3]
    expected = torch.einsum(
        "kbp,pk->bp", outputs, torch.tensor(MEMBERSHIP[columns], dtype=torch.float32)
    )
    torch.testing.assert_close(soft(data.inputs[data.split.test]), expected, atol=1e-5, rtol=1e-5)


def test_probabilities_are_averaged_instead(data, trained):
    model = GroupedModel.from_stack(
        trained, MEMBERSHIP, data.tasks, data.preprocessing, average="probabilities"
    )
    inputs = data.inputs[data.split.test]
    outputs = torch.stack([member(inputs) for member in model.members])
    found = model(inputs)
    torch.testing.assert_close(
        found[:, 0].sigmoid(), 0.7 * outputs[0, :, 0].sigmoid() + 0.3 * outputs[1, :, 0].sigmoid()
    )
    torch.testing.assert_close(
        found[:, 1:4].softmax(1),
        0.2 * outputs[0, :, 1:4].softmax(1) + 0.8 * outputs[1, :, 1:4].softmax(1),
    )
    torch.testing.assert_close(found[:, 4], 0.6 * outputs[0, :, 4] + 0.4 * outputs[1, :, 4])


def test_hard_runs_each_task_where_it_is_served_only(data, soft):
    hard = soft.hard()
    assert len(hard.members) == 2
    assert [member.head.out_features for member in hard.members] == [2, 4]
    inputs = data.inputs[:7]
    first, second = (member(inputs) for member in list(soft.members)[:2])
    expected = torch.cat([first[:, :1], second[:, 1:4], first[:, 4:5], second[:, 5:]], dim=1)
    torch.testing.assert_close(hard(inputs), expected)


def test_gradient_reaches_the_members(data, soft):
    soft(data.inputs[:4]).sum().backward()
    assert soft.members[0].head.weight.grad.abs().sum() > 0


def test_predict_undoes_balancing_and_standardisation(data, soft):
    inputs = data.inputs[:6]
    logits, values = soft(inputs).detach(), soft.predict(inputs)
    w = data.tasks.pos_weight[0]
    odds = (logits[:, 0].exp() / w).double()
    torch.testing.assert_close(values[:, 0], odds / (1 + odds), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(values[:, 1:4].sum(1), torch.ones(6).double(), rtol=1e-5, atol=1e-6)
    assert torch.equal(values[:, 4], logits[:, 4].double() * data.tasks.std[2] + data.tasks.mean[2])


@pytest.mark.parametrize("kind", ["soft", "hard"])
@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_saved_and_loaded_is_the_same(data, trained, tmp_path, kind, average):
    model = GroupedModel.from_stack(
        trained, MEMBERSHIP, data.tasks, data.preprocessing, average=average
    )
    model = model.hard() if kind == "hard" else model
    model.save(tmp_path / "model.safetensors")
    loaded = GroupedModel.load(tmp_path / "model.safetensors")
    inputs = data.inputs[:5]
    assert torch.equal(loaded(inputs), model(inputs))
    assert torch.equal(loaded.predict(inputs), model.predict(inputs))
    assert loaded.tasks.names == model.tasks.names
    assert loaded.preprocessing == model.preprocessing


def test_images_are_normalised_inside(tmp_path):
    rng = np.random.default_rng(0)
    digits = load("digits")
    stack = fit("cnn", digits, epochs=1).stack
    model = GroupedModel.from_stack(stack, np.ones((14, 1)), digits.tasks, digits.preprocessing)
    positions = torch.from_numpy(rng.integers(0, 1000, 5)).sort().values
    torch.testing.assert_close(
        model(digits.inputs[positions]), predict(stack, digits, positions)[0], atol=1e-5, rtol=1e-5
    )


STEM = 3  # linear, BatchNorm, ReLU


@pytest.fixture(scope="module")
def stemmed(data):
    """Three branches behind one trained stem."""
    from coterie.models import Architecture, ModelStack

    options = {"hidden": (8, 8)}
    start = ModelStack.create(Architecture("mlp", (5,), 6, options), n_models=3, seed=0, stem=STEM)
    return fit("mlp", data, np.eye(4)[:3] + 0.1, start=start, epochs=2, model_options=options).stack


def test_stem_is_held_once_and_run_once(data, stemmed):
    model = GroupedModel.from_stack(stemmed, MEMBERSHIP, data.tasks, data.preprocessing)
    own = sum(parameter.numel() for parameter in model.parameters())
    stem = sum(parameter.numel() for parameter in stemmed.stem.module.parameters())
    assert own == stem + 3 * (stemmed.n_parameters - stem)
    calls = []
    for layer in model.stem:
        layer.register_forward_hook(lambda *_: calls.append(1))
    model(data.inputs[:4])
    assert len(calls) == STEM


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_stem_then_members_equals_the_stack(data, stemmed, kind):
    positions = data.split.test
    model = GroupedModel.from_stack(stemmed, MEMBERSHIP, data.tasks, data.preprocessing)
    membership = MEMBERSHIP
    if kind == "hard":
        model, membership = model.hard(), np.eye(3)[MEMBERSHIP.argmax(1)]
    share = torch.tensor(membership[[0, 1, 1, 1, 2, 3]], dtype=torch.float32)
    expected = torch.einsum("kbp,pk->bp", predict(stemmed, data, positions), share)
    torch.testing.assert_close(model(data.inputs[positions]), expected, atol=1e-5, rtol=1e-5)


def test_hard_with_a_stem_has_exactly_one_head_a_task(data, stemmed):
    hard = GroupedModel.from_stack(stemmed, MEMBERSHIP, data.tasks, data.preprocessing).hard()
    assert [member.head.out_features for member in hard.members] == [2, 4]
    assert sum(member.head.out_features for member in hard.members) == data.tasks.n_outputs
    assert hard.served == ((0, 2), (1, 3))
    torch.testing.assert_close(hard.hard()(data.inputs[:5]), hard(data.inputs[:5]))


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_stem_is_saved_once_and_loaded(data, stemmed, tmp_path, kind):
    from coterie.files import read_arrays

    model = GroupedModel.from_stack(stemmed, MEMBERSHIP, data.tasks, data.preprocessing)
    model = model.hard() if kind == "hard" else model
    model.save(tmp_path / "model.safetensors")
    arrays, about = read_arrays(tmp_path / "model.safetensors")
    assert about["stem"] == STEM
    assert [name for name, array in arrays.items() if array.shape == (8, 5)] == ["stem.0.weight"]
    loaded = GroupedModel.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded(data.inputs[:5]), model(data.inputs[:5]))
    assert torch.equal(loaded.hard()(data.inputs[:5]), model.hard()(data.inputs[:5]))


def test_file_without_a_stem_is_still_read(data, soft, tmp_path):
    """As files were before there were stems."""
    from coterie.files import read_arrays, write_arrays

    soft.save(tmp_path / "new.safetensors")
    arrays, about = read_arrays(tmp_path / "new.safetensors")
    write_arrays(
        tmp_path / "old.safetensors",
        arrays,
        {name: value for name, value in about.items() if name != "stem"},
    )
    assert torch.equal(
        GroupedModel.load(tmp_path / "old.safetensors")(data.inputs), soft(data.inputs)
    )


def test_taking_a_model_leaves_the_stack_alone(data, stemmed):
    model = GroupedModel.from_stack(stemmed, MEMBERSHIP, data.tasks, data.preprocessing)
    before = stemmed.stem.module[0].weight.clone()
    with torch.no_grad():
        model.stem[0].weight.zero_()
    hard = model.hard()
    with torch.no_grad():
        hard.stem[0].weight.fill_(1)
    assert torch.equal(stemmed.stem.module[0].weight, before)
    assert model.stem[0].weight.abs().sum() == 0


def test_members_of_several_sizes_are_saved_and_loaded(data, trained, tmp_path):
    """As each of their stacks says it, also where one has a stem and where heads are cut."""
    narrow = fit("mlp", data, epochs=1, model_options={"hidden": (4,)}).stack
    both = [trained.select([2, 0]), narrow]
    model = GroupedModel.from_stack(both, MEMBERSHIP, data.tasks, data.preprocessing)
    options = [dict(each.options) for each in model.architectures]
    assert options == [{"hidden": (8,)}, {"hidden": (8,)}, {"hidden": (4,)}]
    inputs = data.inputs[data.split.test]
    outputs = torch.cat([predict(stack, data, data.split.test) for stack in both])
    columns = torch.tensor([0, 1, 1, 1, 2, 3])
    shares = torch.from_numpy(MEMBERSHIP).float()[columns]
    with torch.no_grad():
        expected = torch.einsum("rnp,pr->np", outputs, shares)
        torch.testing.assert_close(model(inputs), expected, atol=1e-5, rtol=1e-5)
        for number, each in enumerate((model, model.hard())):
            each.save(tmp_path / f"{number}.safetensors")
            again = GroupedModel.load(tmp_path / f"{number}.safetensors")
            assert torch.equal(again(inputs), each(inputs))


def test_members_of_one_size_are_saved_as_ever(soft, trained, data, tmp_path):
    """The file does not speak of sizes; several stacks of one size are one."""
    soft.save(tmp_path / "one.safetensors")
    parts = [trained.select([row]) for row in range(3)]
    again = GroupedModel.from_stack(parts, MEMBERSHIP, data.tasks, data.preprocessing)
    again.save(tmp_path / "other.safetensors")
    one, other = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("one", "other"))
    assert one == other
    assert b"member_options" not in one


def test_several_stacks_do_not_share_a_stem(data, stemmed):
    whole = GroupedModel.from_stack(stemmed, MEMBERSHIP, data.tasks, data.preprocessing)
    parts = [stemmed.select([row]) for row in range(3)]
    apart = GroupedModel.from_stack(parts, MEMBERSHIP, data.tasks, data.preprocessing)
    assert (len(whole.stem), len(apart.stem)) == (stemmed.stem.n_layers, 0)
    inputs = data.inputs[data.split.test]
    with torch.no_grad():
        torch.testing.assert_close(apart(inputs), whole(inputs))


def test_members_of_other_encoders_are_refused(data, trained):
    members, one = [trained.branch(row) for row in range(3)], trained.architecture
    about = (data.tasks, [one, replace(one, n_outputs=3), one], data.preprocessing)
    with pytest.raises(CoterieError, match="in nothing but their options"):
        GroupedModel(members, MEMBERSHIP, *about)
    with pytest.raises(CoterieError, match="one for each of 3 members; found 2"):
        GroupedModel(members, MEMBERSHIP, data.tasks, [one] * 2, data.preprocessing)


def test_mistakes(data, trained, tmp_path):
    with pytest.raises(CoterieError, match=r"`membership` must have shape \(4, 3\)"):
        GroupedModel.from_stack(trained, MEMBERSHIP[:, :2], data.tasks, data.preprocessing)
    with pytest.raises(CoterieError, match="`average` must be"):
        GroupedModel.from_stack(
            trained, MEMBERSHIP, data.tasks, data.preprocessing, average="votes"
        )
    (tmp_path / "broken.safetensors").write_bytes(b"no model")
    with pytest.raises(CoterieError, match="damaged"):
        GroupedModel.load(tmp_path / "broken.safetensors")
    from coterie.files import write_arrays

    write_arrays(tmp_path / "other.safetensors", {"x": np.zeros(2)})
    with pytest.raises(CoterieError, match="not a valid grouped model: coterie did not write it"):
        GroupedModel.load(tmp_path / "other.safetensors")


def wide(input_shape):
    return torch.nn.Linear(input_shape[0], 3)


def test_own_encoder_is_loaded_only_when_it_is_named(data, tmp_path):
    stack = fit(wide, data, epochs=1).stack
    model = GroupedModel.from_stack(stack, np.ones((4, 1)), data.tasks, data.preprocessing)
    file = tmp_path / "model.safetensors"
    model.save(file)
    with pytest.raises(CoterieError, match="trust it"):
        GroupedModel.load(file)
    assert torch.equal(GroupedModel.load(file, model=wide)(data.inputs), model(data.inputs))


def test_partial_cannot_be_saved(data, tmp_path):
    from functools import partial

    from coterie.models.encoders import mlp

    stack = fit(partial(mlp, hidden=(4,)), data, epochs=1).stack
    with pytest.raises(CoterieError, match="module:factory"):
        GroupedModel.from_stack(stack, np.ones((4, 1)), data.tasks, data.preprocessing).save(
            tmp_path / "m.safetensors"
        )


def test_local_factory_cannot_be_saved(data, tmp_path):
    stack = fit(lambda shape: torch.nn.Linear(shape[0], 3), data, epochs=1).stack
    model = GroupedModel.from_stack(stack, np.ones((4, 1)), data.tasks, data.preprocessing)
    with pytest.raises(CoterieError, match="module:factory"):
        model.save(tmp_path / "model.safetensors")


def test_a_calibrated_model_says_what_is_so_in_every_form(tmp_path):
    """Overconfident logits: what is predicted has less log loss on other examples, in order."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 3)).astype(np.float32)
    noisy = x + rng.normal(size=x.shape)
    labels = {"yes": noisy[:, 0] > 1, "which": np.digitize(noisy[:, 1], (-1, 1)), "size": x[:, 2]}
    frame = pd.DataFrame(x, columns=list("abc")).assign(**labels)
    data = load(frame, targets=list(labels), kinds={"which": "multiclass"})
    fitted = fit("mlp", data, epochs=10, lr=0.01, batch_size=32)
    model = GroupedModel.from_stack(fitted.stack, np.ones((3, 1)), data.tasks, data.preprocessing)
    with torch.no_grad():
        for parameter in model.members[0].head.parameters():
            parameter.mul_(4)
    inputs, truth = data.inputs[data.split.test], data.targets[data.split.test]
    before = model.predict(inputs)
    assert model.calibrate(data) is model
    after = model.predict(inputs)
    yes, which, size = (data.tasks.prediction_columns[t] for t in range(3))
    assert torch.equal(after[:, size], before[:, size])
    torch.testing.assert_close(after[:, which].sum(1), torch.ones(len(after)).double())
    said = truth[:, 1].long()[:, None]
    loss = lambda p: -p[:, which].gather(1, said).log().mean()  # noqa: E731
    assert loss(after) < loss(before) - 0.05
    one, two = (p[:, yes].flatten().argsort() for p in (before, after))
    assert torch.equal(one, two)
    model.save(tmp_path / "model.safetensors")
    again = GroupedModel.load(tmp_path / "model.safetensors")
    assert again.calibration == model.calibration
    assert [each is None for each in again.calibration] == [False, False, True]
    assert torch.equal(again.predict(inputs), after)
    model.export(tmp_path / "model.pt2")  # compares before it keeps the file
