"""The network beside what scikit-learn has ready: SVM, nearest neighbours, decision tree and multilayer perceptron.

    python -m tests.bench.classifiers [--data DIR] [--model FILE] [--examples N] [--write CARD]

prints a table in Markdown: share of digits read right on each test set, seconds to train, digits a second, size of the pickle;
`--write pipeline/models/digits.md` puts it into the model card. Everything runs on one thread; seconds are the processor's. The
classifiers learn from the 55,000 images of MNIST that our network learns from too, as they are; they need scikit-learn. The SVM
alone takes half an hour.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Model, save_model
from pipeline.chain import SHIPPED_MODEL, read_model
from pipeline.files import write_atomically
from pipeline.records import Floats, Image
from pipeline.training.card import CLASSIFIERS
from pipeline.training.datasets import HELD_OUT, Examples, load_mnist, load_test
from pipeline.training.download import data_folder
from pipeline.training.markdown import table

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

Sets = Sequence[tuple[str, Examples]]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """A classifier of scikit-learn with the choices that are known to suit MNIST; all others are the library's."""

    name: str
    module: str
    type: str
    chosen: dict[str, Any]


KINDS = (
    Kind("SVM, RBF kernel", "sklearn.svm", "SVC", {"C": 10, "gamma": 0.02, "cache_size": 1000}),
    Kind("k-nearest neighbours", "sklearn.neighbors", "KNeighborsClassifier", {"n_neighbors": 3, "weights": "distance"}),
    Kind("decision tree", "sklearn.tree", "DecisionTreeClassifier", {"random_state": 1}),
    Kind(
        "MLPClassifier",
        "sklearn.neural_network",
        "MLPClassifier",
        {"hidden_layer_sizes": (256,), "early_stopping": True, "random_state": 1},
    ),
)


@dataclass(frozen=True)
class Row:
    """A classifier's line of the table; accuracies are shares of the digits of each test set."""

    name: str
    accuracies: tuple[float, ...]
    training_seconds: float | None
    digits_a_second: float
    pickle_bytes: int


def trained(kind: Kind, train: Examples, tests: Sets) -> Row:
    """Trains a classifier and measures it. Raises ImportError without scikit-learn."""
    classifier: Any = getattr(importlib.import_module(kind.module), kind.type)(**kind.chosen)
    seconds, _ = timed(lambda: classifier.fit(flat(train.images), train.labels))
    accuracies, rate = measured(lambda images: classifier.predict(flat(images)), tests)
    return Row(kind.name, accuracies, seconds, rate, len(pickle.dumps(classifier, protocol=4)))


def ours(model: Model, tests: Sets) -> Row:
    """Our network, which knows here, as the others do, that it is to read a digit."""

    def read(images: Image) -> Labels:
        found: Labels = model.network.logits(images)[:, :10].argmax(axis=1)
        return found

    accuracies, rate = measured(read, tests)
    minutes = model.facts.get("training minutes")
    return Row("ours", accuracies, None if minutes is None else 60 * float(minutes), rate, len(save_model(model)))


def measured(read: Callable[[Image], Labels], tests: Sets) -> tuple[tuple[float, ...], float]:
    """Shares that are read right, and the digits a second of the first set."""
    accuracies, rates = [], []
    for _, examples in tests:
        seconds, said = timed(partial(read, examples.images))
        accuracies.append(float(np.mean(said == examples.labels)))
        rates.append(len(examples) / max(seconds, 1e-9))
    return tuple(accuracies), rates[0]


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, and what came out."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def flat(images: Image) -> Floats:
    """(n, 28, 28) uint8 → (n, 784) from 0 to 1."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def as_markdown(rows: Sequence[Row], sets: Sequence[str], examples: int) -> str:
    """The section of the card."""
    lines = [
        (
            row.name,
            *(f"{accuracy:.2%}" for accuracy in row.accuracies),
            "" if row.training_seconds is None else f"{row.training_seconds:,.1f}",
            f"{row.digits_a_second:,.0f}",
            f"{row.pickle_bytes / 1e6:.2f}",
        )
        for row in rows
    ]
    chosen = [f"- {k.name}: " + ", ".join(f"{name} {value}" for name, value in k.chosen.items()) for k in KINDS]
    return f"""## Beside other classifiers

{table(("", *sets, "seconds to train", "digits a second", "MB"), lines)}

Digits read right, by who knows that they are digits. scikit-learn's classifiers learned from {examples:,} of MNIST's training
images, as they are; ours from the same images, augmented, and from the other sets named above, on two cores; all else is on one
thread. All choices are the library's but these:

{chr(10).join(chosen)}
"""


def with_section(card: str, section: str) -> str:
    """The card with the section between its marks. Raises ValueError for a card without."""
    before, begin, rest = card.partition(CLASSIFIERS[0])
    _, end, after = rest.partition(CLASSIFIERS[1])
    if not end:
        raise ValueError(f"the card has no place for it: {CLASSIFIERS[0]} {CLASSIFIERS[1]}")
    return f"{before}{begin}\n{section}{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, help="folder with MNIST [default: PIPELINE_DATA, or downloaded]")
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="our network's pickle")
    parser.add_argument("--examples", type=int, help="train on so many only")
    parser.add_argument("--write", type=Path, metavar="CARD", help="put the table into this model card")
    arguments = parser.parse_args()
    given = arguments.data or os.environ.get("PIPELINE_DATA")
    data = data_folder(Path(given) if given else None)
    mnist, tests = load_mnist(data, "train"), list(load_test(data))
    last = min(len(mnist) - HELD_OUT, arguments.examples or len(mnist))
    train = Examples(mnist.images[:last], mnist.labels[:last])
    if arguments.write:
        with_section(arguments.write.read_text(encoding="utf-8"), "")  # before the long run: is there a place for it?

    rows = [ours(read_model(arguments.model), tests)]
    for kind in KINDS:
        print(f"{kind.name} …", file=sys.stderr)
        try:
            rows.append(trained(kind, train, tests))
        except ImportError:
            print("scikit-learn is left out: pip install scikit-learn", file=sys.stderr)
            break
    section = as_markdown(rows, [name for name, _ in tests], len(train))
    print(section)
    if arguments.write:
        write_atomically(arguments.write, with_section(arguments.write.read_text(encoding="utf-8"), section).encode())


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in _THREADS):  # they are read when the libraries load: start anew
        environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
        command = [sys.executable, "-m", "tests.bench.classifiers", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)
    main()
