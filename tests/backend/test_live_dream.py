"""DeepDream on moving pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepvis.backend.live_dream import LiveDream
from deepvis.backend.network import Network


def network(channels: int = 3) -> Network:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )
    mean, std = ((0.5,), (0.25,)) if channels == 1 else ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    return Network(module, (48, 64), mean, std, name="small")


def photo(height: int = 64, width: int = 80, seed: int = 4) -> np.ndarray:
    coarse = torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(seed))
    fine = nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0]
    return (fine.permute(1, 2, 0) * 255).to(torch.uint8).numpy()


def change(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second).mean())


def test_a_frame_is_dreamt_at_its_own_size_and_deeper_with_every_frame() -> None:
    live, frame = LiveDream(network()), photo()
    dreams = [live.show(frame, "1") for _ in range(4)]
    assert {dream.shape for dream in dreams} == {frame.shape}
    assert 0 < change(dreams[0], frame) < change(dreams[3], frame)


def test_without_strength_a_frame_is_the_blend_with_the_last_dream() -> None:
    live, first, second = LiveDream(network()), photo(seed=1), photo(seed=2)
    assert np.array_equal(live.show(first, "1", strength=0), first)
    blend = live.show(second, "1", strength=0, memory=0.25)
    assert change(blend, 0.25 * first + 0.75 * second) < 0.51


def test_without_memory_a_frame_owes_nothing_to_the_last() -> None:
    live = LiveDream(network())
    live.show(photo(seed=1), "1", strength=0)
    assert np.array_equal(live.show(photo(seed=2), "1", memory=0, strength=0), photo(seed=2))


@pytest.mark.parametrize("change_to", [{"layer": "0"}, {"unit": 2}, {"image": photo(48, 48)}])
def test_another_size_layer_or_unit_starts_anew(change_to: dict) -> None:
    then = {"image": photo(), "layer": "1", **change_to}
    live = LiveDream(network())
    live.show(photo(seed=9), "1")
    assert np.array_equal(live.show(**then), LiveDream(network()).show(**then))


def test_after_a_reset_the_same_frames_give_the_same_dreams() -> None:
    live = LiveDream(network())
    frames = [photo(seed=seed) for seed in range(3)]
    first = [live.show(frame, "1") for frame in frames]
    live.reset()
    assert all(np.array_equal(a, live.show(frame, "1")) for a, frame in zip(first, frames, strict=True))


def test_a_grey_network_and_a_frame_that_is_too_small() -> None:
    dreamt = LiveDream(network(1)).show(photo(8, 16), "1")
    assert dreamt.shape == (32, 64, 3)
    assert np.array_equal(dreamt[:, :, 0], dreamt[:, :, 2])


def test_what_is_wrong_is_said_before_anything_is_computed() -> None:
    live = LiveDream(network())
    with pytest.raises(ValueError, match="no maps"):
        live.show(photo(), "4")
    with pytest.raises(KeyError, match="no layer 'conv9'"):
        live.show(photo(), "conv9")
    with pytest.raises(ValueError, match="units 0 to 7"):
        live.show(photo(), "1", unit=8)
    with pytest.raises(ValueError, match="memory 1 is out of range"):
        live.show(photo(), "1", memory=1)


def test_nothing_is_left_on_the_network() -> None:
    net = network()
    net.module.train()
    LiveDream(net).show(photo(), "1")
    assert all(part.training and not part._forward_hooks for part in net.module.modules())
    assert all(parameter.grad is None for parameter in net.module.parameters())
