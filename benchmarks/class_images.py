"""How surely networks recognise their own class images: ``python -m benchmarks.class_images --json FILE``.

Each class image is judged as a person would have it: the 8-bit picture goes through the network the usual way. Counted
are those that the network itself gives their class with at least 0.9, and those that have their class among the first
five of a judge, another network, ``tinynet`` if nothing else is said.

Figures are written after each class. Begun again with the same file, what is there already is not computed again, so
that several processes may each measure one network into a file of its own, and one be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image

import deepvis
from deepvis.backend.atomic_file import atomic
from deepvis.backend.network import Network
from deepvis.backend.runs.class_image import STEPS, ClassImage

SURE = 0.9


def measure(net: Network, judge: Network, run: ClassImage, pictures: Path | None) -> dict[str, Any]:
    """One class image and what both networks say of it."""
    began = time.perf_counter()
    for update in run.steps(net):
        result = update.result
    seconds = time.perf_counter() - began
    logits = torch.from_numpy(judge.logits(result.image))
    index = judge.target_index(result.facts["label"])
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        Image.fromarray(result.image).save(pictures / f"{net.name}-{result.facts['target']:03}.png")
    return {
        "label": result.facts["label"],
        "probability": result.figures["probability"],
        "judge_rank": int((logits > logits[index]).sum()) + 1,
        "judge_probability": float(torch.softmax(logits, 0)[index]),
        "seconds": seconds,
    }


def report(name: str, judge: str, found: dict[str, dict[str, Any]]) -> str:
    """One line of the table."""
    sure = sum(entry["probability"] >= SURE for entry in found.values())
    first = sum(entry["judge_rank"] == 1 for entry in found.values())
    five = sum(entry["judge_rank"] <= 5 for entry in found.values())
    middle = statistics.median(entry["seconds"] for entry in found.values())
    return (
        f"{name}: {sure} of {len(found)} given their class with at least {SURE} by {name}; {first} first and {five} "
        f"among the first five of {judge}; {middle:.1f} s each (median)"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--networks", nargs="+", default=["tinynet", "tinynet-robust"])
    parser.add_argument("--judge", default="tinynet")
    parser.add_argument("--classes", type=int, default=100, help="the first so many (100)")
    parser.add_argument("--first", type=int, default=0, help="begin at this class (0)")
    parser.add_argument("--recipe", default="fourier")
    parser.add_argument("--iterations", type=int, default=None, help="steps each; none: the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (2)")
    parser.add_argument("--json", type=Path, default=Path("class_images.json"), help="where figures are kept")
    parser.add_argument("--pictures", type=Path, default=None, help="folder to keep the pictures in")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    judge = deepvis.load(options.judge)
    kept: dict[str, Any] = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}
    for name in options.networks:
        net = deepvis.load(name)
        iterations = options.iterations or STEPS[options.recipe]
        found = kept.setdefault(f"{name} {net.hash} {options.recipe} {iterations} steps seed {options.seed}", {})
        for index in range(options.first, options.first + options.classes):
            if str(index) in found:
                continue
            run = ClassImage(target=index, recipe=options.recipe, iterations=options.iterations, seed=options.seed)
            found[str(index)] = measure(net, judge, run, options.pictures)
            with atomic(options.json) as file:
                file.write(json.dumps(kept, indent=1).encode())
        print(report(name, options.judge, found), flush=True)


if __name__ == "__main__":
    main()
