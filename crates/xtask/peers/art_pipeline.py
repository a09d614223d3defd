"""One pipeline with IBM's Adversarial Robustness Toolbox, written as its users write it.

Load Fashion-MNIST, BadNets on 5 % of the training set, 2 epochs of the small CNN, evaluate, spectral signatures,
remove, train again, evaluate. Prints one line of JSON.
"""

import argparse
import json
import time

import numpy as np
import torch
from art.attacks.poisoning import PoisoningAttackBackdoor
from art.defences.detector.poison import SpectralSignatureDefense
from art.estimators.classification import PyTorchClassifier
from art.utils import to_categorical

import data
import nets

TARGET = 0
RATE = 0.05
EPOCHS = 2
BATCH = 128


def corner_patch(x):
    """A white patch of 3×3 pixels in the corner."""
    x = np.copy(x)
    x[..., -3:, -3:] = 1.0
    return x


def new_classifier():
    model = nets.SmallCnn()
    return PyTorchClassifier(
        model=model,
        loss=torch.nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4),
        input_shape=(1, 28, 28),
        nb_classes=10,
        clip_values=(0.0, 1.0),
        # The net sees values in [-1, 1], as Aconite's does.
        preprocessing=(0.5, 0.5),
    )


def share_of(classifier, x, y):
    return float(np.mean(np.argmax(classifier.predict(x, batch_size=500), axis=1) == y))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--threads", type=int, required=True)
    torch.set_num_threads(arguments.parse_args().threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    seconds = {}
    clock = time.perf_counter()

    def lap(name):
        nonlocal clock
        now = time.perf_counter()
        seconds[name] = seconds.get(name, 0.0) + now - clock
        clock = now

    (x_train, y_train), (x_test, y_test) = data.fashion_mnist()
    x_train = x_train[:, None].astype(np.float32) / 255
    x_test = x_test[:, None].astype(np.float32) / 255
    lap("load")

    attack = PoisoningAttackBackdoor(corner_patch)
    poisons = rng.choice(np.flatnonzero(y_train != TARGET), int(RATE * len(x_train)), replace=False)
    x_poisoned, y_poisoned = x_train.copy(), y_train.copy()
    target = to_categorical([TARGET], 10)[0]
    x_poisoned[poisons], labels = attack.poison(x_train[poisons], y=target, broadcast=True)
    y_poisoned[poisons] = labels.argmax(axis=1)
    others = y_test != TARGET
    x_triggered, _ = attack.poison(x_test[others], y=target, broadcast=True)
    lap("poison")

    def trained_and_evaluated(x, y):
        classifier = new_classifier()
        classifier.fit(x, to_categorical(y, 10), batch_size=BATCH, nb_epochs=EPOCHS)
        lap("fit")
        accuracy, success = share_of(classifier, x_test, y_test), share_of(classifier, x_triggered, TARGET)
        lap("evaluate")
        return classifier, accuracy, success

    classifier, accuracy_before, success_before = trained_and_evaluated(x_poisoned, y_poisoned)
    defence = SpectralSignatureDefense(
        classifier, x_poisoned, to_categorical(y_poisoned, 10), expected_pp_poison=RATE, batch_size=500
    )
    _, is_clean = defence.detect_poison()
    keep = np.asarray(is_clean, dtype=bool)
    lap("filter")
    _, accuracy_after, success_after = trained_and_evaluated(x_poisoned[keep], y_poisoned[keep])
    print(
        json.dumps(
            {
                "clean_accuracy_before": accuracy_before,
                "attack_success_before": success_before,
                "removed": int((~keep).sum()),
                "clean_accuracy_after": accuracy_after,
                "attack_success_after": success_after,
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
