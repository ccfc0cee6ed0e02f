"""The project as a package: what a wheel holds, and that the tests run against the one that was asked for."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tinycnn

ROOT = Path(__file__).resolve().parents[1]


def test_tests_run_against_the_wheel_when_asked_to():
    """`make test-wheel` sets TINYCNN_TEST_WHEEL: then the checkout beside the tests must not be what is imported."""
    installed = Path(tinycnn.__file__).resolve()
    if os.environ.get("TINYCNN_TEST_WHEEL") == "1":
        assert "site-packages" in installed.parts
    else:
        assert installed.is_relative_to(ROOT) or "site-packages" in installed.parts


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_what_runs_and_nothing_else(wheel):
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"tinycnn", "tinycnn_codegen", f"tinycnn-{tinycnn.__version__}.dist-info"}
    for needed in (
        "tinycnn/py.typed",
        "tinycnn_codegen/py.typed",
        "tinycnn/_targets/dsp32c-486.toml",
        "tinycnn/_targets/boards/cortex-m/startup.c",
        "tinycnn/_examples/lenet5/lenet5.onnx",
        "tinycnn/_examples/mnist_sample/mnist_sample.npz",
        "tinycnn/report/templates/budget.html.jinja",
        "tinycnn_codegen/kernels/tcn_conv2d.h",
        "tinycnn_codegen/templates/source.c.jinja",
    ):
        assert needed in names, needed
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_every_file_of_the_checkout_s_packages_is_in_the_wheel(wheel):
    names = set(wheel.namelist())
    for source, packed in (("tinycnn", "tinycnn"), ("codegen/tinycnn_codegen", "tinycnn_codegen")):
        for path in (ROOT / source).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"{packed}/{path.relative_to(ROOT / source)}" in names
