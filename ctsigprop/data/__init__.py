"""Datasets: digits, MNIST and its kin, CIFAR, SVHN, and arrays and files of one's own."""

from ctsigprop.datasets.catalog import CATALOG
from ctsigprop.datasets.dataset import Dataset, Split
from ctsigprop.datasets.loading import load
from ctsigprop.datasets.scaling import Scaling
from ctsigprop.datasets.selection import dataset_of

load_dataset = load

__all__ = ["CATALOG", "Dataset", "Scaling", "Split", "dataset_of", "load", "load_dataset"]
