"""Random networks with branches, residuals and concats: engine, onnxruntime and C agree.

`make test-random` tries many more, others each time; TINYCNN_EXAMPLES says how many.
"""

import os

from hypothesis import given, note, settings
from hypothesis import strategies as st
from needs import needs
from random_networks import KINDS, check
from strategies import SEEDS

EXAMPLES = int(os.environ.get("TINYCNN_EXAMPLES", "0"))
NUMBERS = st.integers(0, 7)
STEPS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), NUMBERS, NUMBERS, NUMBERS), min_size=2, max_size=9)


@settings(max_examples=EXAMPLES or 8, derandomize=not EXAMPLES, deadline=None, print_blob=True)
@given(st.tuples(st.integers(1, 2), SEEDS, STEPS))
def test_all_agree_on_random_networks(recipe) -> None:
    needs("gcc")
    note(f'once more: python tests/random_networks.py "{recipe}"')
    check(recipe)
