"""x."""
from coterie.testing._checks import CheckFailed, Check, checks_of, parametrize_with_checks
from coterie.testing.affinity import check_affinity
from coterie.testing.planted import REGIMES, Gain, Planted, Regime, planted
