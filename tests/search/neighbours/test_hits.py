"""Hits of one query: a list of tuples with names."""

import pytest


def test_hits_of_one_query_are_those_of_iterating(shop):
    hits = shop.search(shop.raw[0][:3], k=70)
    assert [hits[i] for i in range(3)] == list(hits) and hits[-1] == hits[2] and len(hits[0]) == 60
    with pytest.raises(IndexError):
        hits[3]
    for query, hit in enumerate(each[0] for each in hits):
        key, label, score, distance = hit
        assert (key, label) == (f"k{query}", shop.raw[1][query]) == (hit.key, hit.label)
        assert (score, distance) == (hits.scores[query, 0], hits.distances[query, 0])
