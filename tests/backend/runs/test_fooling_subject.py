"""The picture under attack, and networks that nothing can be fooled into."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from deepvis.backend.network import Network
from deepvis.backend.runs import Fooling


@pytest.mark.parametrize("method", ["ascent", "fgsm", "pgd_l2", "lbfgs", "patch"])
def test_a_network_of_one_class_is_refused(method):
    net = Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1)), (16, 16), name="lonely")
    with pytest.raises(ValueError, match="'lonely' has one class.*load one with more"):
        next(Fooling(method=method).steps(net, np.zeros((16, 16, 3), np.uint8)))
