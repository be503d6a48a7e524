"""Train one of the recipes: ``python -m training.train --data FOLDER --recipe tinynet --out FOLDER``.

A run that was killed goes on from its last checkpoint when the same command is given again, and ends with the same
weights: which pictures a step sees and how they are changed are functions of the recipe's seed and the step's number,
and everything else (weights, momentum, running average, step) is in the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training import batches
from training import data as sets
from training.network import TrainedNet
from training.recipes import RECIPES, Recipe


def choose_device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def low_precision(device: torch.device) -> bool:
    """Whether bfloat16 is fast there: on GPUs that have it, and on processors with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


class Trainer:
    """One training run: a network, its optimiser, its running average and the number of the next step.

    Parameters
    ----------
    recipe : Recipe
    pictures : training.data.Pictures
        What is learnt from.
    device : torch.device or None
        By default `choose_device`.
    bf16 : bool or None
        Autocast to bfloat16; by default where it is fast.
    start : dict of str to Tensor, optional
        Weights to start from instead of random ones.
    """

    def __init__(
        self,
        recipe: Recipe,
        pictures: sets.Pictures,
        device: torch.device | None = None,
        bf16: bool | None = None,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self.recipe = recipe
        self.pictures = pictures
        self.device = device or choose_device()
        self.bf16 = low_precision(self.device) if bf16 is None else bf16
        self.step = 0
        self.pool = batches.pool(pictures, recipe.favoured, recipe.favour)
        self.order = batches.Order(len(self.pool), recipe.batch, recipe.seed)
        torch.manual_seed(recipe.seed)
        self.start = start
        self.network = self._network()
        if start is not None:
            self.network.load_state_dict(start)
        self.average = self._network()
        self.average.load_state_dict(self.network.state_dict())
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim == 1]
        self.optimiser = torch.optim.SGD(
            [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.peak_rate,
            momentum=recipe.momentum,
            nesterov=True,
        )

    def _network(self) -> TrainedNet:
        network = TrainedNet(self.recipe.widths, len(self.pictures.wnids))
        return network.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload, no-any-return]

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def _loss(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy with label smoothing, and the logits."""
        with self._autocast():
            logits = self.network(images)
        logits = logits.float()
        return F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing), logits

    def _attacked(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        """The pictures after one signed gradient step from a random start in the ball."""
        attack = self.recipe.attack
        assert attack is not None
        grown = min(1.0, (self.step + 1) / (attack.warmup * self.recipe.steps)) if attack.warmup else 1.0
        epsilon, step = attack.epsilon * grown, attack.step * grown
        noise = torch.rand(images.shape, generator=generator).to(self.device) * 2 * epsilon - epsilon
        moved = (images + noise).clamp_(0, 1).contiguous(memory_format=torch.channels_last).requires_grad_()
        loss, _ = self._loss(moved, targets)
        (gradient,) = torch.autograd.grad(loss, moved)
        delta = (moved.detach() - images + step * gradient.sign()).clamp_(-epsilon, epsilon)
        return (images + delta).clamp_(0, 1).contiguous(memory_format=torch.channels_last)

    def _batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The augmented pictures, float32 (N, 3, s, s) in 0 to 1, and targets, int64 (N,), of the next step."""
        recipe = self.recipe
        indices = self.pool[self.order.indices(self.step)]
        targets = torch.from_numpy(self.pictures.targets[indices]).to(self.device)
        images = batches.as_tensor(self.pictures.pixels[indices], self.device)
        phase = recipe.phase(self.step)
        size = phase.size(float(torch.rand(1, generator=generator)))
        images = batches.augment(
            images, size, generator, zoomed=recipe.zoomed, most_zoom=recipe.most_zoom, shift=recipe.shift
        )
        return batches.recolour(images, phase.colour, generator), targets

    def advance(self) -> dict[str, float]:
        """Do one step.

        Returns
        -------
        dict
            ``loss``, ``accuracy`` (on the augmented, attacked batch), ``rate`` and ``size`` of the step.
        """
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        images, targets = self._batch(generator)
        rate = self.recipe.rate(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        if self.recipe.attack is not None:
            images = self._attacked(images, targets, generator)
        loss, logits = self._loss(images, targets)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step += 1
        self._update_average()
        accuracy = (logits.detach().argmax(1) == targets).float().mean()
        size = float(images.shape[-1])
        return {"loss": float(loss.detach()), "accuracy": float(accuracy), "rate": rate, "size": size}

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the running average of weights and statistics; it forgets the start quickly at first."""
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        mine, theirs = self.average.state_dict(), self.network.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [theirs[name] for name in floats], 1 - decay)

    @torch.no_grad()
    def finish(self) -> None:
        """Once, after the last step: mix the starting point into the running average, as the recipe's `keep` says."""
        if self.start is None or self.recipe.keep == 0.0:
            return
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(self.start[name].to(value.device), self.recipe.keep)

    def state(self) -> dict[str, Any]:
        """Everything that a continuation needs."""
        return {
            "recipe": self.recipe.as_dict(),
            "wnids": self.pictures.wnids,
            "labels": self.pictures.labels,
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`.

        Raises
        ------
        ValueError
            It is of another recipe or of other classes.
        """
        if state["recipe"] != self.recipe.as_dict():
            raise ValueError("the checkpoint was made by another recipe; choose another --out, or remove it")
        if tuple(state["wnids"]) != self.pictures.wnids:
            raise ValueError("the checkpoint was made with other classes; choose another --out, or remove it")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])

    def save(self, path: Path) -> None:
        """Write the state beside its place, then rename: a kill never leaves half a file."""
        partial = path.with_name(path.name + ".partial")
        torch.save(self.state(), partial)
        partial.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint that `Trainer.save` wrote; only tensors and plain data are accepted."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def run(
    trainer: Trainer,
    out: Path,
    checkpoint_seconds: float = 120.0,
    log_steps: int = 50,
    stop: Callable[[int], bool] = lambda step: False,
) -> None:
    """Train to the end of the recipe, with checkpoints and a log.

    Parameters
    ----------
    trainer : Trainer
    out : Path
        Folder for ``checkpoint.pt`` and ``log.jsonl`` (one JSON object every `log_steps` steps).
    checkpoint_seconds : float
        Time between checkpoints.
    log_steps : int
        Steps between lines of the log.
    stop : callable
        Asked before each step with its number; true ends the run there without a checkpoint, as a kill would.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "checkpoint.pt"
    if path.exists():
        trainer.restore(read_checkpoint(path))
    steps = trainer.recipe.steps
    if trainer.step >= steps:
        return
    saved = logged = time.monotonic()
    sums: dict[str, float] = {}
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"recipe": trainer.recipe.as_dict(), "from_step": trainer.step, "steps": steps}) + "\n")
        first = trainer.step
        while trainer.step < steps:
            if stop(trainer.step):
                return
            for name, value in trainer.advance().items():
                sums[name] = sums.get(name, 0.0) + value
            now = time.monotonic()
            if trainer.step % log_steps == 0 or trainer.step == steps:
                count = trainer.step - first
                line: dict[str, Any] = {"step": trainer.step, "epoch": trainer.step * trainer.recipe.batch}
                line["epoch"] = round(line["epoch"] / len(trainer.pictures), 3)
                line |= {name: round(value / count, 5) for name, value in sums.items()}
                line["images_per_second"] = round(count * trainer.recipe.batch / (now - logged), 1)
                line["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                log.write(json.dumps(line) + "\n")
                log.flush()
                print(json.dumps(line), flush=True)
                sums, logged, first = {}, now, trainer.step
            if now - saved > checkpoint_seconds and trainer.step < steps:
                trainer.save(path)
                saved = now
    trainer.finish()
    trainer.save(path)


def _arguments(argv: Iterable[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Train one of the bundled networks.")
    parser.add_argument("--data", type=Path, required=True, help="zips, or folders of class folders")
    parser.add_argument("--recipe", choices=sorted(RECIPES), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint and log; resumes what is there")
    parser.add_argument("--start", type=Path, help="checkpoint to start from, where the recipe starts from another one")
    parser.add_argument("--cache", type=Path, help="folder for the decoded pictures")
    parser.add_argument("--images", type=int, help="pictures to learn from over the run, in place of the recipe's")
    parser.add_argument("--threads", type=int, help="CPU threads; by default all cores")
    return parser.parse_args(None if argv is None else list(argv))


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command line; the exit status is 0 done, 1 failed."""
    args = _arguments(argv)
    torch.set_num_threads(args.threads or len(os.sched_getaffinity(0)))
    recipe = RECIPES[args.recipe]
    if args.images is not None:
        recipe = replace(recipe, images=args.images)
    try:
        if recipe.start is not None and args.start is None:
            raise ValueError(f"recipe '{recipe.name}' starts from '{recipe.start}': give its checkpoint with --start")
        start = None if args.start is None else read_checkpoint(args.start)["average"]
        trainer = Trainer(recipe, sets.load(args.data, "train", args.cache), start=start)
        run(trainer, args.out)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
