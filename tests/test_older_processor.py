"""Both exports on a processor without VNNI, whose int8 products saturate where the formats allow it."""

from needs import needs

import tinycnn
from tinycnn.cli.demo import examples_folder


def test_both_exports_give_the_engine_s_bytes_in_every_tensor_without_vnni() -> None:
    needs("qemu-x86_64")
    examples = examples_folder()
    model = tinycnn.load(examples / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(f"{examples / 'mnist_sample/mnist_sample.npz'}:test_images")
    images = tinycnn.as_samples(array, (1, 1, 28, 28), "sample")[:20]
    results = tinycnn.verify(tinycnn.quantize(model, images), images, ["x86-64-without-vnni"])
    assert [result.name for result in results] == ["x86-64-without-vnni qoperator", "x86-64-without-vnni qdq"]
    for result in results:
        assert result.mismatches == 0
        assert result.compared_bytes > 20 * 8000
        assert result.notes == ()
