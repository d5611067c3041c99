"""Visitors take turns: what one of them asks for does not make the others wait longer than for one turn of his."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sec2sec.ui.fair_queue import fair_order

Asked = tuple[str, str, int]  # address, session, number


def ordered(waiting: list[Asked], running: tuple[tuple[str, str], ...] = ()) -> list[Asked]:
    return fair_order(waiting, lambda one: one[0], lambda one: one[1], running)


def test_a_spammer_has_one_turn_before_each_of_the_others():
    spam = [("spam", f"s{number}", number) for number in range(40)]
    visitors = [(f"v{number}", f"w{number}", 100 + number) for number in range(10)]
    order = ordered(spam + visitors)
    assert order.index(visitors[-1]) <= 10
    assert sum(one in spam for one in order[: order.index(visitors[-1])]) == 1


def test_a_visitor_that_is_being_served_comes_after_those_that_wait():
    order = ordered([("a", "a", 1), ("b", "b", 2)], running=(("a", "a"),))
    assert order == [("b", "b", 2), ("a", "a", 1)]


def test_sessions_of_one_address_take_turns_as_in_a_school():
    first = [("school", "pupil-1", number) for number in range(3)]
    others = [("school", f"pupil-{number}", 10 + number) for number in range(2, 6)]
    assert ordered(first + others)[:5] == [first[0], *others]


def test_one_after_another_where_each_asks_once():
    waiting = [(f"a{number}", f"s{number}", number) for number in range(8)]
    assert ordered(waiting) == waiting


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers()), max_size=30),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=3),
)
def test_nobody_is_lost_and_a_sessions_own_order_is_kept(waiting, running):
    waiting = [(address, address + session, number) for address, session, number in waiting]
    served = tuple((address, address + session) for address, session in running)
    order = ordered(waiting, served)
    assert Counter(order) == Counter(waiting)
    for session in {one[1] for one in waiting}:
        assert [one for one in order if one[1] == session] == [one for one in waiting if one[1] == session]
    assert ordered(order, served) == order, "asking again changes nothing"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.integers()), min_size=1, max_size=40))
def test_before_an_addresss_nth_turn_no_other_has_more_than_n(waiting):
    order = ordered(waiting)
    turns: Counter[str] = Counter()
    for index, (address, *_) in enumerate(order):
        turns[address] += 1
        still_there = {one[0] for one in order[index + 1 :]}
        assert all(turns[address] <= turns[other] + 1 for other in still_there)
