"""Datasets of labelled images: digits, MNIST and its kin, CIFAR, SVHN."""

from ctsigprop.datasets.catalog import CATALOG
from ctsigprop.datasets.dataset import Dataset, Split
from ctsigprop.datasets.loading import load

__all__ = ["CATALOG", "Dataset", "Split", "load"]
