"""How much each layer of the bundled networks still tells of a photograph: ``python -m benchmarks.inversion``.

A strip over every convolution, with the relative feature error, PSNR and SSIM of each picture.
"""

from __future__ import annotations

import argparse
import time

import torch
from PIL import Image

import deepvis
from deepvis.backend.runs.inversion import Inversion
from deepvis.backend.sources.pictures import read_picture
from deepvis.backend.sources.samples import sample_path


def main() -> None:
    """Invert and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", nargs="+", default=["tinynet", "tinynet-robust"])
    parser.add_argument("--photograph", default="cat", metavar="SAMPLE")
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    parser.add_argument("--save", metavar="FOLDER", help="write the strips as NETWORK.png")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    picture = read_picture(sample_path(f"sample:{options.photograph}"))
    for name in options.networks:
        net = deepvis.load(name, "cpu")
        began = time.perf_counter()
        for update in Inversion(strip=True, iterations=options.iterations).steps(net, picture):
            if update.step % options.iterations == 0:
                figures = " · ".join(f"{key} {value:.4g}" for key, value in update.metrics.items())
                print(f"{name} layer {update.step // options.iterations}: {figures}", flush=True)
        print(f"{name}: {', '.join(update.result.facts['layers'])} in {time.perf_counter() - began:.0f} s", flush=True)
        if options.save:
            Image.fromarray(update.result.image).save(f"{options.save}/{name}.png")


if __name__ == "__main__":
    main()
