"""Datasets: digits, MNIST and its kin, CIFAR, SVHN, and arrays and files of one's own."""

from ctsigprop.data.catalog import CATALOG
from ctsigprop.data.dataset import Dataset, Split
from ctsigprop.data.loading import load
from ctsigprop.data.named import DATASETS, NamedDataset
from ctsigprop.data.scaling import Scaling
from ctsigprop.data.selection import dataset_of

load_dataset = load

__all__ = ["CATALOG", "DATASETS", "Dataset", "NamedDataset", "Scaling", "Split", "dataset_of", "load", "load_dataset"]
