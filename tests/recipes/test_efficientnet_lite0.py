"""EfficientNet-Lite0's weights under timm's names: the same network, and what float16 storage moves."""

from __future__ import annotations

import pytest
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from safetensors.torch import load_file

from recipes import efficientnet_lite0 as recipe
from sec2sec.encoders.published import CONFIG, WEIGHTS


@pytest.fixture(scope="module")
def pictures():
    """Smooth pictures of all colours, as the package's network takes them: (x − 127) / 128."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 256, (4, 3, 7, 7), generator=generator).float()
    pixels = torch.nn.functional.interpolate(coarse, (224, 224), mode="bicubic").clamp(0, 255).round()
    return (pixels - 127) / 128


@pytest.fixture(scope="module")
def original():
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(recipe.package_weights())
    return network.eval()


def timm_network(state):
    network = timm.create_model(recipe.ARCHITECTURE, pretrained=False)
    network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return network.eval()


@torch.no_grad()
def test_timm_computes_what_the_original_network_does(pictures, original):
    network = timm_network(recipe.to_timm_names(recipe.package_weights()))
    maps, wanted = network.forward_features(pictures), original.extract_features(pictures)
    assert wanted.std() > 0.1
    torch.testing.assert_close(maps, wanted, rtol=0, atol=1e-4)
    torch.testing.assert_close(network(pictures), original(pictures), rtol=0, atol=1e-4)


@torch.no_grad()
def test_storage_in_float16_moves_the_maps_by_one_percent_at_most(pictures, original):
    halved = timm_network(recipe.in_half(recipe.to_timm_names(recipe.package_weights())))
    maps, wanted = halved.forward_features(pictures), original.extract_features(pictures)
    moved = ((maps - wanted).square().mean() / wanted.square().mean()).sqrt()
    assert 0 < moved < 0.01
    assert torch.equal(halved(pictures).argmax(1), original(pictures).argmax(1))


def test_the_folder_is_in_timms_published_format(tmp_path, pictures):
    recipe.convert(tmp_path)
    assert (tmp_path / WEIGHTS).stat().st_size < 10e6
    network = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    cfg = network.pretrained_cfg
    assert cfg["mean"] == pytest.approx((127 / 255,) * 3)
    assert cfg["std"] == pytest.approx((128 / 255,) * 3)
    state = load_file(tmp_path / WEIGHTS)
    assert torch.equal(network.conv_head.weight, state["conv_head.weight"].float())
    assert (tmp_path / CONFIG).is_file()


@pytest.mark.parametrize("network", [name for name in recipe.FILES if name != recipe.ARCHITECTURE])
@torch.no_grad()
def test_a_larger_network_is_converted_alike(tmp_path, network):
    package, _ = recipe.FILES[network]
    state = recipe.package_weights(network)
    recipe.convert(tmp_path, network)
    converted = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    halved = recipe.in_half(recipe.to_timm_names(state, network))
    assert all(torch.equal(tensor, halved[name].float()) for name, tensor in converted.named_parameters())
    converted.load_state_dict(recipe.to_timm_names(state, network))
    published = EfficientNet.from_name(package.removesuffix("-pytorch-model"))
    published.load_state_dict(state)
    size = converted.pretrained_cfg["input_size"][-1]
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 7, 7, generator=generator) * 2 - 1
    pictures = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    maps, wanted = converted.eval().forward_features(pictures), published.eval().extract_features(pictures)
    assert wanted.std() > 0.1
    torch.testing.assert_close(maps, wanted, rtol=0, atol=2e-4)


def test_weights_of_another_network_are_refused():
    other = timm.create_model("tf_efficientnet_lite1", pretrained=False).state_dict()
    with pytest.raises(ValueError, match="not the weights of tf_efficientnet_lite0"):
        recipe.to_timm_names(other)
