"""Your own rival: what you would try instead of groups, scored in every comparison beside all else.

    python examples/extending/rival.py
    cd examples/extending; coterie run --rivals rival:Nearest --data ...

It need not be a network. Here each task is answered by the rows most like the one asked about."""

import torch
from safetensors.numpy import save_file
from sklearn.neighbors import KNeighborsRegressor

import coterie as ct
from coterie.evaluation import Rival, TrainedRival
from coterie.testing import planted


class Nearest(Rival):
    """The mean label of the 25 nearest rows of the training part."""

    name = "nearest"
    sentence = "The *rows most like it* answer: nothing is learnt."

    def suits(self, data, **_) -> str | None:
        """Why it is left out, if it is; asked before anything is trained."""
        whole = torch.is_tensor(data.inputs) and not data.targets.isnan().any()
        known = all(task.kind in ("binary", "regression") for task in data.tasks)
        return (
            None if whole and known else "nearest is left out: it knows whole, plain tables only."
        )

    def train(self, case, trainings, *, seed) -> TrainedRival:
        """Read ``case.data``, but not its test part."""
        data, train = case.data, case.data.split.train
        x, y = data.inputs[train].flatten(1).numpy(), data.targets[train].numpy()
        binary = torch.tensor([task.kind == "binary" for task in data.tasks])
        rows = KNeighborsRegressor(n_neighbors=25).fit(x, y)

        def outputs(positions: torch.Tensor) -> torch.Tensor:
            means = torch.from_numpy(rows.predict(data.inputs[positions].flatten(1).numpy()))
            # As networks answer: values, or logits that are balanced as their loss is.
            logits = means.logit(eps=0.01) + data.tasks.pos_weight.log()
            return torch.where(binary, logits, means)

        cost = {"models": 1, "parameters": x.size + y.size, "model_steps": 0, "seconds": 0}
        return TrainedRival(outputs=outputs, model=lambda: Rows(x=x, y=y), cost=cost)


class Rows(dict):
    def save(self, path) -> None:
        save_file(self, path)


if __name__ == "__main__":
    table = planted("agreeing heads")
    few = {"repeats": 1, "draws": 1, **table.settings, "epochs": 5}
    print(ct.compare("mlp", table.data, table.grouping, seeds=2, rivals=["wide", Nearest], **few))
