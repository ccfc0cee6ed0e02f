"""Write mnist_sample.npz from MNIST's own files: python make_sample.py FOLDER_WITH_THE_IDX_FILES"""

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from mnist import load_split  # noqa: E402  (the examples are scripts, not a package: the line above lets them find it)

SEED = 1
CALIBRATION_IMAGES_PER_DIGIT = 50
TEST_IMAGES = 1000


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    random = np.random.default_rng(SEED)

    images, labels = load_split(Path(sys.argv[1]), "train")
    of_each_digit = [
        random.choice(np.flatnonzero(labels == digit), CALIBRATION_IMAGES_PER_DIGIT, replace=False)
        for digit in range(10)
    ]
    # Shuffled, so that a caller who takes only the first few still gets all digits.
    chosen = random.permutation(np.concatenate(of_each_digit))

    test_images, test_labels = load_split(Path(sys.argv[1]), "t10k")
    # Not balanced: each digit has about the share that it has in the whole test set, so accuracy compares.
    chosen_test = random.choice(len(test_labels), TEST_IMAGES, replace=False)

    np.savez_compressed(
        FOLDER / "mnist_sample.npz",
        calibration_images=images[chosen],
        calibration_labels=labels[chosen],
        test_images=test_images[chosen_test],
        test_labels=test_labels[chosen_test],
    )


if __name__ == "__main__":
    main()
