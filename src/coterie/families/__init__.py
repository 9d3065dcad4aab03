"""Other families of models than networks: what else one would try on a table.

``forest``, ``boosting`` and ``linear`` are scikit-learn's, at its default settings but for what
their files say. They are fitted on the encoded inputs and labels of a data set, as networks are,
and answer with the same outputs, so that whatever scores a network scores them. A family is one
file: a :class:`Family` that fits a predictor, :class:`Trees` or :class:`Linear`, arrays of numbers
that predict without scikit-learn; :class:`FamilyModel` puts them together and is what is saved.
"""

from coterie.families._fit import FAMILIES, fit, suits
from coterie.families.base import Family
from coterie.families.model import FamilyModel, load_model
from coterie.families.predictors import Linear, Trees

__all__ = ["FAMILIES", "Family", "FamilyModel", "Linear", "Trees", "fit", "load_model", "suits"]
