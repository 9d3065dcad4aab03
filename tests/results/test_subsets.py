"""Subsets of tasks as text, whatever is in the names."""

from hypothesis import given
from hypothesis import strategies as st

from coterie.results.subsets import join, readings, split

NAMES = st.lists(st.text() | st.text(alphabet="+\\a"), min_size=1, max_size=6)


@given(NAMES)
def test_what_is_joined_is_split(names):
    assert split(join(names)) == tuple(names)


@given(NAMES)
def test_names_without_marks_are_joined_as_ever(names):
    plain = [name.replace("+", "").replace("\\", "") for name in names]
    assert join(plain) == "+".join(plain)


@given(
    st.lists(
        st.text() | st.text(alphabet="+\\ab", max_size=4), min_size=1, max_size=6, unique=True
    ),
    st.data(),
)
def test_known_names_are_read_either_way(known, data):
    used = frozenset(data.draw(st.lists(st.sampled_from(known), min_size=1, unique=True)))
    for text in ("+".join(used), join(used)):
        found = readings(text, known)
        assert used in found or len(found) == 2
        assert all(reading <= set(known) for reading in found)
        assert used in (same := readings(text, known, size=len(used))) or len(same) == 2


def test_every_name_is_used_once_at_most():
    assert readings("a+a", ["a", "b"]) == []
    assert readings("a+a", ["a", "a+a"]) == [{"a+a"}]
    assert readings("++", ["", "+"]) == [{"", "+"}]


def test_many_long_names_take_no_time():
    names = [f"task {i} + more" for i in range(2000)]
    assert readings("+".join(names), names) == [frozenset(names)]
