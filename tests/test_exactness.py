"""The networks of tests/models.py keep the promise of tests/exactness.py."""

from pathlib import Path

from exactness import assert_exact
from models import residual_network


def test_a_network_of_everything(tmp_path: Path) -> None:
    net, output = residual_network()
    assert_exact(net.proto(output), net.samples(20), tmp_path)
