"""The networks that ship, and their cards."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from effnet_course import atlas
from effnet_course.cost import network_cost

ROOT = Path(__file__).parent.parent
FILES = sorted(atlas.RECORDS.glob("*.safetensors"))


def test_the_cards_say_what_the_files_say():
    script = [sys.executable, str(ROOT / "benchmarks" / "record_networks.py"), "--cards"]
    written = subprocess.run(script, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert written == (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    assert written.count("\n## ") == len(FILES)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_each_is_small_and_is_the_network_of_a_recorded_run(path):
    assert path.stat().st_size < 2_000_000
    model, run = atlas.network(path.stem)
    cost = network_cost(model.architecture, 10)
    assert (cost.params, cost.macs) == (run.params, run.macs)
    assert sum(p.numel() for p in model.parameters()) == run.params
    assert any((row.base, row.study, row.seed, row.validation) == (run.base, run.study, run.seed, run.validation)
               for row in atlas.runs())  # fmt: skip
    pixels = model.architecture.resolution
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, pixels, pixels)).isfinite().all()
