"""What is left of the live view while a run goes on: ``python -m benchmarks.live_share``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

import numpy as np

from deepvis.bench import window as bench
from deepvis.messages import RunStatus

RUNS = {
    "class_image": {"target": 5, "iterations": 20000},
    "deepdream": {"octaves": 4, "steps_per_octave": 1000},
    "inversion": {"iterations": 20000},
}


def main() -> int:
    """Frames a second and the UI thread's time, without a run and with each of some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tinynet")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a turn (6)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DEEPVIS_GALLERY"] = folder
        with bench.live_window(options.model, None) as (app, window, clock):
            states: dict[int, str] = {}

            def note(event: object) -> None:
                if isinstance(event, RunStatus):
                    states[event.id] = event.state

            window.bridge.happened.connect(note)
            window.actions_["window.lab"].trigger()

            def turn() -> tuple[float, float, float]:
                clock.frames.clear()
                bench.process(app, lambda: False, options.seconds)
                frames = np.array(clock.frames)
                busy = np.diff(frames[:, 0]) * 1000
                return len(frames) / options.seconds, float(np.median(busy)), float(np.percentile(busy, 99))

            print(f"{'run':14}{'fps before':>11}{'fps with':>10}{'share':>7}{'UI ms, median':>15}{'UI ms, 99 %':>13}")
            for name, values in RUNS.items():
                before, _, _ = turn()
                run = window.lab.begin(name, values)
                if run is None:
                    raise RuntimeError(f"{name} did not start")
                bench.process(app, lambda run=run: states.get(run) == "running", 60)
                bench.process(app, lambda: False, 2)
                fps, median, slowest = turn()
                window.lab.panels[name].cancel()
                bench.process(app, lambda run=run: states.get(run) in ("cancelled", "failed", "done"), 30)
                told = f"{before:11.1f}{fps:10.1f}{fps / before:7.2f}{median:15.2f}{slowest:13.2f}"
                print(f"{name:14}{told}", flush=True)
                if states.get(run) == "failed":
                    raise RuntimeError(f"{name} failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
