"""What one picture shows of a network: one module a method, all called as ``method(net, image, …)``.

The functions take a picture (uint8 (H, W, 3) RGB of any size) or a preprocessed float32 (1, c, h, w) tensor, return
numpy arrays and leave the network as it was, also when it raises.
"""

from deepvis.backend.methods.activations import activations
from deepvis.backend.methods.backprojection import backproject
from deepvis.backend.methods.filters import filters
from deepvis.backend.methods.grad_cam import grad_cam, guided_grad_cam
from deepvis.backend.methods.integrated_gradients import integrated_gradients
from deepvis.backend.methods.occlusion import occlusion
from deepvis.backend.methods.saliency import saliency
from deepvis.backend.methods.smoothgrad import smoothgrad

__all__ = [
    "activations",
    "backproject",
    "filters",
    "grad_cam",
    "guided_grad_cam",
    "integrated_gradients",
    "occlusion",
    "saliency",
    "smoothgrad",
]
