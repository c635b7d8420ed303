"""Any order of adding, removing, indexing and compacting: hits stay those of every pair in float64."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lookalike.indexer import plan
from lookalike.indexer.index import index
from lookalike.indexer.segments.instances import Instances
from lookalike.store.changing.writer import writing
from lookalike.store.upkeep.compact import compact

SPECS = ["auto", "Flat", "IVF2,Flat", "HNSW4", "SQ8", "IVF2,PQ4x4fs"]


@pytest.mark.filterwarnings("ignore:spec .* reaches recall")  # a graph of few rows, many of them equal
def test_changes(new_shop, monkeypatch):
    monkeypatch.setattr(plan, "SMALL", 20)

    class Changes(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.made = new_shop(16)
            self.rng = np.random.default_rng(3)

        @rule(n=st.integers(1, 60), tied=st.booleans())
        def add(self, n, tied):
            if tied:
                self.made.add(self.rng.choice([-0.25, 0.25], size=(3, 16))[self.rng.integers(0, 3, n)])
            else:
                x = self.rng.standard_normal((n, 16))
                self.made.add(x / np.linalg.norm(x, axis=1, keepdims=True))

        @rule(share=st.sampled_from([0.05, 0.5, 1.0]))
        def remove(self, share):
            live = np.flatnonzero(self.made.alive)
            self.made.remove(live[self.rng.random(len(live)) < share])

        @rule(spec=st.sampled_from(SPECS), compacted=st.booleans())
        def index(self, spec, compacted):
            live = int(self.made.alive.sum())
            if (live < 40 and "PQ" in spec) or (live < 2 and "IVF" in spec):
                spec = "auto"
            card = index(self.made.path, spec=spec, recall=0.9, k=3, compact=compacted)
            assert card.rows >= live

        @rule()
        def compact(self):
            with self.made.open() as store, writing(store) as writer:
                compact(writer)
                writer.commit()

        @invariant()
        def hits_are_right(self):
            if len(self.made.matrix) == 0:
                return
            queries = self.made.matrix[:: max(1, len(self.made.matrix) // 12)].copy()
            allowed = self.rng.random(len(self.made.matrix)) < 0.5
            with self.made.open() as store:
                found = Instances(store, "cpu")
                self.made.check(queries, 5, found.search(queries, 5, exact=True))
                self.made.check(queries, 5, found.search(queries, 5, exact=True, allowed=allowed), allowed)
                for some in (queries[:1], queries):
                    scores, rows = found.search(some, 5)
                    self.made.check_own(some, (scores, rows))
                    assert ((rows >= 0).sum(axis=1) == min(5, self.made.alive.sum())).all()

    Changes.TestCase.settings = settings(max_examples=10, stateful_step_count=7, deadline=None)
    case = Changes.TestCase()
    case.runTest()
