"""Fashion-MNIST from its IDX files, looked for where Aconite looks."""

import gzip
import os
import struct
import sys
from pathlib import Path

import numpy as np

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def places():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    tops = [os.environ.get("ACONITE_DATA"), os.path.join(cache, "aconite"), "/usr/share/datasets"]
    return [Path(top) / name for top in tops if top for name in ("fashion_mnist", "fashion-mnist")]


def opened(folder, name):
    """The file, plain or gzipped; None if there is neither."""
    if (folder / name).is_file():
        return open(folder / name, "rb")
    if (folder / f"{name}.gz").is_file():
        return gzip.open(folder / f"{name}.gz")
    return None


def idx(file):
    with file:
        (magic,) = struct.unpack(">I", file.read(4))
        shape = struct.unpack(f">{magic & 255}I", file.read(4 * (magic & 255)))
        return np.frombuffer(file.read(), dtype=np.uint8).reshape(shape)


def fashion_mnist():
    """((images, labels) to train on, (images, labels) to test on), as bytes."""
    for folder in places():
        files = [opened(folder, name) for name in FILES]
        if all(files):
            a, b, c, d = map(idx, files)
            return (a, b), (c, d)
    sys.exit(
        "Fashion-MNIST is not on this machine; looked in "
        + ", ".join(map(str, places()))
        + "\nhint: install Debian's package dataset-fashion-mnist, or put the four IDX files into a folder "
        "fashion_mnist and name the folder above it in ACONITE_DATA"
    )
