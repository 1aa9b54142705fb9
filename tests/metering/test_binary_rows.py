"""What is copied in binary is what was meant, whatever its size, and NULL where there is nothing."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from metering.binary_rows import (
    Numbers,
    ascending,
    binary_rows,
    days,
    decimals,
    groups,
    instants,
    uuids,
    whole_numbers,
)
from metering.database import copy_in

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = "k uuid, at timestamptz, day date, small smallint, whole bigint, few numeric(38, 24), own numeric(38, 12)"


def maybe(numbers):
    return st.none() | numbers


rows = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16),
        st.integers(-(10**15), 10**16),
        st.dates(date(1999, 1, 1), date(2100, 1, 1)),
        st.integers(-5, 5),
        maybe(st.sampled_from([-(2**63), 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1)),
        maybe(st.sampled_from([0, 1, -1, 9999, 10**4, 10**16, -(10**24), 10**38 - 1]) | st.integers(0, 10**38 - 1)),
        maybe(
            st.sampled_from([0, 1, -1, 10**12, -(10**30), -(2**63), 2**63, 1 - 2**63])
            | st.integers(-(10**38) + 1, 10**38 - 1)
        ),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[0],
)


class CopiedRows(TestCase):
    @given(rows)
    def test_they_are_read_as_they_were_meant(self, rows):
        keys, at, day, small, whole, few, own = zip(*rows, strict=True)
        fields = [
            uuids(keys),
            instants(at),
            days(day),
            whole_numbers(Numbers.of(small), 2),
            whole_numbers(Numbers.of(whole), 8),
            decimals(Numbers.of(few), 24),
            decimals(Numbers.of(own), 12),
        ]
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE copied ({COLUMNS}) ON COMMIT DROP")
            copy_in("COPY copied FROM STDIN (FORMAT binary)", binary_rows(fields, ascending(keys)))
            cursor.execute("SELECT * FROM copied")
            found = cursor.fetchall()
            cursor.execute("DROP TABLE copied")
        assert found == [
            (
                uuid.UUID(bytes=key),
                EPOCH + timedelta(microseconds=at),
                day,
                small,
                whole,
                None if few is None else Decimal(f"{few}e-24"),
                None if own is None else Decimal(f"{own}e-12"),
            )
            for key, at, day, small, whole, few, own in sorted(rows, key=lambda row: row[0])
        ]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 2),
            maybe(st.sampled_from([-(2**63), 2**63]) | st.integers(-(2**63), 2**64)),
        ),
        min_size=1,
    )
)
def test_sums_of_groups_are_exact(entries):
    first, second, numbers = map(list, zip(*entries, strict=True))
    order, starts = groups(first, second)
    sums = Numbers.of(numbers).summed(order, starts)
    found = {(first[place], second[place]): total for place, total in zip(order[starts], sums, strict=True)}
    expected = {}
    for one, other, number in entries:
        expected[one, other] = expected.get((one, other), 0) + (number or 0)
    assert found == expected


def test_numbers_that_do_not_fit_are_no_others():
    with pytest.raises(OverflowError):
        whole_numbers(Numbers.of([2**63]), 8)
    assert Numbers.of([1, None]).missing.tolist() == [False, True]
    assert Numbers.of([2**63]).values.dtype == np.dtype(object)
