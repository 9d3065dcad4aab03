"""After a search: every branch on its own tasks, a shared stem as it is."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.differentiable import DifferentiableGrouping, finetune
from coterie.errors import CoterieError
from tests.differentiable.small import SMALL, table

DEEP = SMALL | {"model_options": {"hidden": (12, 8)}}


class Decided(DifferentiableGrouping):
    """Ends with tasks 0 and 1 in the first branch, 2 and 3 in the last, none between."""

    def on_epoch_end(self, epoch):
        with torch.no_grad():
            self.logits.zero_()
            self.logits[:2, 0] = self.logits[2:, 2] = 1
        super().on_epoch_end(epoch)


def search_on(data, **arguments):
    return ct.fit("mlp", data, Decided(3, **arguments), **DEEP)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("stem", [0, 3])
def test_branches_train_on_their_own_tasks(missing, stem):
    data = table(missing=missing)
    search = search_on(data, stem=stem)
    before = {name: tensor.clone() for name, tensor in search.stack.state().items()}
    tuned, grouping = finetune(search, data, epochs=2)
    np.testing.assert_array_equal(grouping.labels, [0, 0, 1, 1])
    assert tuned.stack.n_models == grouping.n_groups == 2
    np.testing.assert_array_equal(np.isnan(tuned.scores), grouping.weights() == 0)
    assert tuned.history.train_loss.shape[0] == 2
    for name, tensor in tuned.stack.state().items():
        if stem and name.startswith(("encoder.0", "encoder.1")):
            assert torch.equal(tensor, before[name]), "the stem, its batch statistics included"
        elif "num_batches" not in name:
            assert not torch.equal(tensor, before[name][[0, 2]])
    for name, tensor in before.items():
        assert torch.equal(tensor, search.stack.state()[name]), "the search is left as it was"


def test_rows_of_a_finetuning_are_independent():
    data = table()
    search = search_on(data, stem=3)
    together, _ = finetune(search, data, epochs=2)
    branch = search.stack.freeze_stem().select([2])
    alone = ct.fit("mlp", data, [[0, 0, 1, 1]], start=branch, **DEEP | {"epochs": 2})
    np.testing.assert_allclose(
        together.history.train_loss[:, 1, 2:], alone.history.train_loss[:, 0, 2:], atol=1e-5
    )


def test_settings_are_inherited_unless_given():
    data = table()
    tuned, _ = finetune(search_on(data), data, epochs=1, lr=3e-4)
    assert tuned.config["lr"] == 3e-4
    assert tuned.config["batch_size"] == SMALL["batch_size"]
    assert tuned.config["model_options"] == DEEP["model_options"]


def test_from_search_to_one_file(tmp_path):
    """Exactly one head a task, the stem once, the same outputs after loading."""
    data = table()
    tuned, grouping = finetune(search_on(data, stem=3), data, epochs=1)
    model = ct.GroupedModel.from_stack(
        tuned.stack, grouping.membership, data.tasks, data.preprocessing
    ).hard()
    assert [member.head.out_features for member in model.members] == [1 + 3, 1 + 1]
    model.save(tmp_path / "model.safetensors")
    inputs = data.inputs[data.split.test]
    loaded = ct.GroupedModel.load(tmp_path / "model.safetensors")
    assert torch.equal(loaded(inputs), model(inputs))
    outputs = ct.predict(tuned.stack, data, data.split.test)
    expected = torch.cat([outputs[0][:, :4], outputs[1][:, 4:]], dim=1)
    torch.testing.assert_close(model(inputs), expected, atol=1e-5, rtol=1e-5)


def test_a_fit_without_a_search_is_refused():
    data = table()
    with pytest.raises(CoterieError, match="has no grouping"):
        finetune(ct.fit("mlp", data, **DEEP), data, epochs=1)
