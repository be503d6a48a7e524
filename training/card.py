"""The model card that ships with a network: one for the program (JSON), one for people (Markdown)."""

from __future__ import annotations

from typing import Any

from training.network import MEAN, STD
from training.recipes import RECIPES, lineage

TITLES = {
    "tinynet": "TinyNet",
    "tinynet-robust": "TinyNet, adversarially trained",
}
DESCRIPTIONS = {
    "tinynet": "A plain chain of seven convolutions that knows 200 classes of ImageNet: small, fast and easy to look "
    "into.",
    "tinynet-robust": "The same chain trained against adversarial changes: less accurate, with far more legible "
    "gradients, class images and inversions.",
}
INPUT_SIZES = {"tinynet": 128, "tinynet-robust": 96}
INPUT_SIZE_REASONS = {
    "tinynet": "128 px is the default although accuracy is higher at 64 and 96 px: the maps are four times as large as "
    "at 64 px, which is what one wants to look into, and a cat seen close up is recognised only from about 112 px.",
    "tinynet-robust": "96 px is the default: the maps are larger than at 64 px at little cost in accuracy, which falls "
    "steeply above.",
}
MIN_SIZE = 32
DATA = {
    "name": "Tiny ImageNet-200 (Stanford CS231n), a part of ImageNet (ILSVRC) at 64 x 64 pixels",
    "train": "74,000 pictures, 370 a class",
    "validation": "5,000 pictures, 25 a class, never trained on",
    "terms": "ImageNet's pictures belong to their owners and are provided for non-commercial research and education; "
    "none of them ships with deepvis. The weights are deepvis's own work, under its MIT licence.",
}
LIMITS = [
    "It knows 200 classes and nothing else: any other thing, and any empty room, gets one of them, at times with a "
    "high probability. There is no class for a person.",
    "It was trained on pictures of 64 x 64 pixels: fine detail tells it little, and accuracy falls with larger inputs.",
    "ImageNet's pictures come from the web of about 2010, and so do its biases of place, people and things.",
    "It is made for looking into, and is no basis for decisions about anything.",
]


def machine_card(
    state: dict[str, Any], steps: int, weights: dict[str, Any], parameters: int, date: str
) -> dict[str, Any]:
    """The card for the program.

    Parameters
    ----------
    state : dict
        A checkpoint of `training.train.Trainer`.
    steps : int
        Steps of the whole recipe; a run with fewer done is an early checkpoint, and the card says so.
    weights : dict
        ``file``, ``bytes``, ``dtype`` and ``sha256``.
    parameters : int
    date : str
        Of the checkpoint, as YYYY-MM-DD.

    Returns
    -------
    dict
        Plain data; ``figures`` is empty.
    """
    recipe = state["recipe"]
    name, start = str(recipe["name"]), recipe["start"]
    before = () if start is None else lineage(RECIPES[start])
    side = INPUT_SIZES.get(name, 64)
    done = int(state["step"])
    finished = done >= steps
    return {
        "name": name,
        "title": TITLES.get(name, name),
        "description": DESCRIPTIONS.get(name, ""),
        "stage": "finished" if finished else f"early checkpoint, step {done} of {steps}",
        "architecture": {"class": "deepvis.backend.zoo.tinynet.TinyNet", "widths": list(recipe["widths"])},
        "input_size": [side, side],
        "input_size_reason": INPUT_SIZE_REASONS.get(name, ""),
        "min_size": MIN_SIZE,
        "mean": list(MEAN),
        "std": list(STD),
        "resize_to": side,
        "interpolation": "bilinear",
        "crop": "center",
        "parameters": parameters,
        "weights": weights,
        "date": date,
        "data": DATA,
        "recipe": recipe,
        "earlier_recipes": [earlier.as_dict() for earlier in before],
        "recipe_commands": [command(*pair) for pair in [*((one.name, one.start) for one in before), (name, start)]],
        "figures_command": f"python -m training.evaluate {name} --data FOLDER --pgd-every 10",
        "figures": {},
        "limits": LIMITS,
        "labels": list(state["labels"]),
        "wnids": list(state["wnids"]),
    }


def command(name: str, start: str | None) -> str:
    """The command that trains a recipe; FOLDER stands for the data's place."""
    after = "" if start is None else f" --start runs/{start}/checkpoint.pt"
    return f"python -m training.train --data FOLDER --recipe {name} --out runs/{name}{after}"


def people_card(card: dict[str, Any]) -> str:
    """The card for people, in Markdown."""
    widths = "-".join(str(width) for width in card["architecture"]["widths"])
    side = card["input_size"][0]
    lines = [
        f"# {card['title']} (`{card['name']}`)",
        "",
        card["description"],
        "",
        f"- **Stage** {card['stage']}, {card['date']}",
        f"- **Architecture** conv1 7x7 stride 2, then six 3x3 convolutions, widths {widths}, a rectifier after each, "
        "2x2 max-pooling after conv2, conv4 and conv6, global average pooling, one linear layer. Trained with batch "
        f"norm, which is folded into the convolutions. {card['parameters']:,} weights.",
        f"- **Input** RGB, shorter side resized (bilinear, antialiased) to {side} px, centre crop {side} x {side}, "
        f"divided by 255, mean {tuple(card['mean'])}, standard deviation {tuple(card['std'])}. Any size from "
        f"{card['min_size']} px works. {card['input_size_reason']}".rstrip(),
        f"- **Classes** {len(card['labels'])}, in `{card['name']}.json`",
        f"- **File** `{card['weights']['file']}`, {card['weights']['bytes']:,} bytes, fp16, SHA-256 "
        f"`{card['weights']['sha256']}`",
        "",
        "## Data and terms",
        "",
        f"{card['data']['name']}. Trained on {card['data']['train']}; measured on {card['data']['validation']}. "
        f"{card['data']['terms']}",
        "",
        "## Recipe",
        "",
        "```",
        *card["recipe_commands"],
        "```",
        "",
        "The values are under `recipe` and `earlier_recipes` in the JSON card and explained in `training/recipes.py`.",
    ]
    if card["figures"]:
        lines += ["", "## Figures", "", f"`{card['figures_command']}`", "", *_figures(card["figures"])]
    lines += ["", "## Limits", "", *[f"- {limit}" for limit in card["limits"]], ""]
    return "\n".join(lines)


def _figures(figures: dict[str, Any]) -> list[str]:
    lines = ["| Measured on whole validation pictures | top-1 | top-5 | pictures |", "|---|---|---|---|"]
    for size, values in figures["sizes"].items():
        lines.append(f"| {size} px | {values['top1']:.1%} | {values['top5']:.1%} | {figures['pictures']:,} |")
    if "pgd" in figures:
        pgd = figures["pgd"]
        lines.append(
            f"| 64 px, PGD L-infinity {pgd['epsilon']}, {pgd['steps']} steps | {pgd['accuracy']:.1%} | | "
            f"{pgd['pictures']:,} |"
        )
    lines += ["", "| Photograph (scikit-image) | px | first three |", "|---|---|---|"]
    for name, sizes in figures["photographs"].items():
        for size, top in sizes.items():
            lines.append(f"| {name} | {size} | {', '.join(f'{label} {share:.0%}' for label, share in top)} |")
    if "folding" in figures:
        folding, conv1 = figures["folding"], figures["conv1"]
        lines += [
            "",
            f"Folding batch norm changes the logits by {folding['relative_difference_of_logits']:.1e} (relative); "
            f"top-1 at 64 px is {folding['top1_before']:.1%} before folding and fp16. {conv1['alive']} of conv1's "
            f"{conv1['of']} filters are alive.",
        ]
    return lines
