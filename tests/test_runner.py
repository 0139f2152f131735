"""A plan in, rows out: each run once, whole, and whatever happens to the process."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import fake_trainer
import pytest

from effnet_course import atlas, cli, runner
from effnet_course.arch import NANO, Stage
from effnet_course.cost import network_cost
from effnet_course.data import DataError

PLAN = """
study = "trial"
images = 500
seeds = [{seeds}]
networks = [
  {{ family = "base", macs = 3_262_768 }},
  {{ family = "depth", budget = 2, depth = 2.125 }},
  {{ family = "width", budget = 2, width = 1.55 }},
]
[recipe]
epochs = 1
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(seeds="0, 1, 2, 3"))
    return path


def make(jobs, rows, executor=None, **named):
    return runner.run(jobs, rows, executor, trainer=fake_trainer.train, report=lambda line: None, **named)


def expected(jobs):
    return sorted((fake_trainer.row(job) for job in jobs), key=str)


def test_a_plan_becomes_its_networks_times_its_seeds(plan):
    jobs = runner.read_plan(plan)
    assert len(jobs) == 12 and len({job.key for job in jobs}) == 12
    assert [(job.family, job.recipe["seed"]) for job in jobs[:6]] == [
        *(("base", seed) for seed in range(4)), ("depth", 0), ("width", 0)
    ]  # fmt: skip
    assert jobs[4].architecture == NANO.scaled(depth=2.125) and sum(jobs[4].architecture.repeats) == 17


def test_every_run_becomes_one_row_and_a_second_call_finds_them(plan, tmp_path):
    jobs, rows = runner.read_plan(plan), tmp_path / "new" / "rows.jsonl"
    assert make(jobs, rows) == runner.Outcome(made=12, there=0)
    assert sorted(atlas.read(rows), key=str) == expected(jobs)
    before = rows.read_bytes()
    assert make(jobs, rows) == runner.Outcome(made=0, there=12)
    assert rows.read_bytes() == before
    assert not list(rows.parent.rglob("*.pt*")), "checkpoints of finished runs are cleared away"


def test_more_seeds_or_networks_add_to_what_is_there(plan, tmp_path):
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"
    make(jobs[:5], rows)
    assert make(jobs, rows) == runner.Outcome(made=7, there=5)
    other = [replace(job, recipe=job.recipe | {"epochs": 2}) for job in jobs]
    assert make(other, rows) == runner.Outcome(made=12, there=0), "another recipe is another run"


def test_the_arms_of_an_ablation_are_told_apart_by_recipe_and_changes(tmp_path):
    path, rows = tmp_path / "plan.toml", tmp_path / "rows.jsonl"
    path.write_text("""
study = "ablation"
seeds = [0]
changes = { activation = "relu" }
networks = [
  { family = "base", label = "reference" },
  { family = "base", label = "mixup", recipe = { mixup = 0.2 } },
  { family = "base", label = "group norm", changes = { norm = "group" } },
  { family = "base", label = "one stage", changes = { stages = [[1, 3, 2, 8, 1, "fused"]] } },
]
""")
    jobs = runner.read_plan(path)
    assert [job.architecture.activation for job in jobs] == ["relu"] * 4
    assert jobs[2].architecture == replace(NANO, activation="relu", norm="group")
    assert jobs[3].architecture.stages == (Stage(1, 3, 2, 8, 1, "fused"),)
    make(jobs[1:], rows)
    assert runner.missing(jobs, rows) == jobs[:1], "a run with mixup is not the reference's"
    assert {row.label: row.changes for row in atlas.read(rows)}["group norm"] == {"activation": "relu", "norm": "group"}
    assert "group norm" in runner.table(jobs, rows)


def executors():
    yield "threads", lambda: ThreadPoolExecutor(2)
    yield "processes", lambda: ProcessPoolExecutor(2, get_context("spawn"), runner.end_with_parent)


@pytest.mark.parametrize("pool", [pool for _, pool in executors()], ids=[name for name, _ in executors()])
def test_any_executor_will_do(pool, plan, tmp_path):
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"
    with pool() as executor:
        make(jobs, rows, executor)
    assert sorted(atlas.read(rows), key=str) == expected(jobs)


def test_a_dask_cluster_of_two_workers_will_do(plan, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where the workers find fake_trainer
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"
    with (
        distributed.LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        make(jobs, rows, client.get_executor())
    assert sorted(atlas.read(rows), key=str) == expected(jobs)


def kill_and_go_on(plan, rows, kills, seed):
    """Start the runner and kill it, its workers with it, `kills` times at random moments; then let it end.

    One kill in four comes while it starts, the others after its first new row.
    """
    draw = random.Random(seed)
    command = [sys.executable, Path(fake_trainer.__file__), plan, rows]
    progress = []
    for number in range(kills):
        process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if number % 4:
            process.stdout.readline()  # how many there are
            process.stdout.readline()  # the first new one
        time.sleep(draw.uniform(0, 0.3 if number % 4 else 1))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        progress.append(len(atlas.read(rows)) if rows.exists() else 0)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return progress


@pytest.mark.skipif(os.name == "nt", reason="kills a process group")
def test_killed_at_random_no_row_is_lost_doubled_or_half(tmp_path, kills=4):
    plan, rows = tmp_path / "plan.toml", tmp_path / "rows.jsonl"
    plan.write_text(PLAN.format(seeds=", ".join(map(str, range(60)))))
    progress = kill_and_go_on(plan, rows, kills, seed=kills)
    assert progress == sorted(progress) and 0 < progress[-1] < 180
    jobs = runner.read_plan(plan)
    assert sorted(atlas.read(rows), key=str) == expected(jobs)
    assert rows.read_bytes().count(b"\n") == len(jobs)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills a process group")
def test_killed_a_hundred_times(tmp_path):
    plan, rows = tmp_path / "plan.toml", tmp_path / "rows.jsonl"
    plan.write_text(PLAN.format(seeds=", ".join(map(str, range(800)))))
    progress = kill_and_go_on(plan, rows, kills=100, seed=0)
    print("rows after each kill:", progress)
    jobs = runner.read_plan(plan)
    assert len(set(progress)) > 50, "the kills fell between rows, not before the first or after the last"
    assert sorted(atlas.read(rows), key=str) == expected(jobs)


def test_half_a_row_is_never_read_and_is_cut_off_before_the_next(plan, tmp_path):
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"
    first, second = (fake_trainer.row(job) for job in jobs[:2])
    atlas.append(first, rows)
    whole = rows.read_bytes()
    for cut in range(0, len(whole)):
        rows.write_bytes(whole + whole[:cut])
        assert atlas.read(rows) == [first]
        if cut % 50 == 0:
            atlas.append(second, rows)
            assert atlas.read(rows) == [first, second]


def test_a_broken_line_in_the_middle_is_named(plan, tmp_path):
    rows = tmp_path / "rows.jsonl"
    make(runner.read_plan(plan)[:2], rows)
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text(lines[0] + lines[0][:40] + "\n" + lines[1])
    with pytest.raises(ValueError, match="rows.jsonl, line 2 is no recorded run; remove it"):
        atlas.read(rows)


def test_a_run_that_fails_is_named_and_the_others_go_on(plan, tmp_path):
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"
    jobs[3] = replace(jobs[3], family="space")
    outcome = make(jobs, rows)
    assert outcome.made == 11 and len(outcome.failed) == 1
    assert "space at 1x" in outcome.failed[0] and "this one fails" in outcome.failed[0]


def test_a_row_that_cannot_be_written_stops_the_run_and_keeps_the_checkpoint(plan, tmp_path, monkeypatch):
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"

    def full(run, path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "append", full)
        with pytest.raises(OSError, match="No space left"):
            make(jobs, rows)
    assert len(list(tmp_path.rglob("*.pt"))) == 1
    assert make(jobs, rows).made == 12


def test_without_the_dataset_nothing_is_tried_further(plan, tmp_path):
    tried = []

    def trainer(job, checkpoint, threads):
        tried.append(job)
        raise DataError("CIFAR-10 is not here.")

    with pytest.raises(DataError, match="not here"):
        runner.run(runner.read_plan(plan), tmp_path / "rows.jsonl", trainer=trainer, report=lambda line: None)
    assert len(tried) == 1


def test_two_runners_never_write_the_same_rows(plan, tmp_path):
    jobs, rows = runner.read_plan(plan), tmp_path / "rows.jsonl"

    def second(job, checkpoint, threads):
        with pytest.raises(runner.PlanError, match="Another process"):
            make(jobs, rows)
        return fake_trainer.row(job)

    runner.run(jobs[:1], rows, trainer=second, report=lambda line: None)
    assert len(atlas.read(rows)) == 1


@pytest.mark.skipif(os.name == "nt", reason="kills a process")
def test_workers_end_when_their_parent_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, time\nfrom concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import get_context\n"
        "from effnet_course.runner import end_with_parent\n"
        "if __name__ == '__main__':\n    pool = ProcessPoolExecutor(1, get_context('spawn'), end_with_parent)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n    pool.submit(time.sleep, 600)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()

    def alive():
        try:
            return Path(f"/proc/{worker}/stat").read_text().split()[2] != "Z"
        except FileNotFoundError:
            return False

    for _ in range(100):
        if not alive():
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker went on for ten seconds")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("family", "fmily", 1), "network 1 has 'fmily'"),
        (lambda text: text.replace('"depth", b', '"deep", b'), "network 2: family is 'deep'; there are base, depth"),
        (lambda text: text.replace("3_262_768", "3_000_000"), "network 1 has 3,262,768 MACs, and the plan says 3,0"),
        (lambda text: text.replace("0, 1, 2, 3", "0, 1, 1"), "lists a network or a seed twice"),
        (lambda text: text.replace('study = "trial"', ""), "it has no study"),
        (lambda text: text.replace("images", 'base = "b77"\nimages'), "base is 'b77'; there are nano, fused, b0"),
        (lambda text: text.replace("width = 1.55", "width = -1"), "network 3: .*multipliers are positive"),
        (lambda text: text + "}", "is not valid TOML"),
        (lambda text: text + "learning_rate = 1", "its recipe won't do: .*learning_rate"),
        (lambda text: text + 'schedule = "none"', "its recipe won't do: schedule is 'none'"),
    ],
)
def test_a_bad_plan_is_refused_with_the_reason(change, message, plan):
    plan.write_text(change(plan.read_text()))
    with pytest.raises(runner.PlanError, match=message):
        runner.read_plan(plan)


def test_a_plan_that_is_not_there_names_those_that_are():
    with pytest.raises(runner.PlanError, match="can't be read: No such file.*cifar10-short"):
        runner.read_plan("nowhere")


@pytest.mark.parametrize("path", sorted(runner.PLANS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_courses_plans_compare_networks_of_equal_macs(path):
    jobs = runner.read_plan(path.stem)
    assert path.read_text().startswith("# ") and jobs[0].study == path.stem
    for budget in {job.budget for job in jobs} - {0.5, 1}:  # 0.5: small networks come in coarse steps
        networks = {job.architecture for job in jobs if job.budget == budget}
        macs = [network_cost(network, 10).macs for network in networks]
        shapes = {(n.repeats, n.width, n.resolution) for n in networks}
        assert len(shapes) == len(networks) >= 4
        assert max(macs) / min(macs) < 1.03
    seeds = {job.recipe["seed"] for job in jobs}
    asked = {(job.family, job.architecture, str(job.recipe | {"seed": 0})) for job in jobs}
    assert len(jobs) == len(seeds) * len(asked), "every network with every recipe, every seed"


def test_the_command_trains_a_plan_and_shows_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EFFNET_HOME", str(tmp_path / "home"))
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'study = "tiny"\ndataset = "shapes"\nimages = 64\nseeds = [0, 1]\ntest = true\n'
        'networks = [{ family = "width", budget = 0.5, width = 0.5, resolution = 8 }]\n'
        "[recipe]\nepochs = 1\nbatch = 32\n"
    )
    monkeypatch.setattr(runner, "_pictures", small_shapes)
    assert cli.main(["atlas", "run", str(plan), "--threads", "1"]) == 0
    assert "2/2" in capsys.readouterr().out
    rows = atlas.runs(own=True)[len(atlas.runs()) :]
    assert [(r.study, r.dataset, r.family, r.width, r.resolution, r.seed) for r in rows] == [
        ("tiny", "Shapes", "width", 0.5, 8, 0), ("tiny", "Shapes", "width", 0.5, 8, 1)
    ]  # fmt: skip
    assert all(len(r.test) == 1 and r.training_images == 64 and "1 threads" in r.device for r in rows)
    assert cli.main(["atlas", "run", str(plan)]) == 0
    assert "2 are there, 0 to make" in capsys.readouterr().out
    assert cli.main(["atlas", "plan", str(plan)]) == 0
    assert "2 of 2" in capsys.readouterr().out
    assert cli.main(["atlas", "show"]) == 0
    assert "tiny " in capsys.readouterr().out
    assert cli.main(["atlas", "plan", "nowhere"]) == 1


TOGETHER = """
import sys
sys.path[:0] = {paths!r}
import test_runner
from effnet_course import cli, runner
runner._pictures = test_runner.small_shapes
sys.exit(cli.main(["atlas", "run", *sys.argv[1:]]))
"""


def test_under_torchrun_two_processes_make_one_row(tmp_path):
    script, plan, rows = tmp_path / "run.py", tmp_path / "plan.toml", tmp_path / "rows.jsonl"
    script.write_text(TOGETHER.format(paths=[str(Path(__file__).parent), str(Path(__file__).parent.parent)]))
    plan.write_text(
        'study = "tiny"\ndataset = "shapes"\nimages = 64\nseeds = [0]\ntest = true\n'
        'networks = [{ family = "width", budget = 0.5, width = 0.5, resolution = 8 },\n'
        '            { family = "depth", depth = 0.5, resolution = 8 }]\n[recipe]\nepochs = 1\nbatch = 32\n'
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, plan]
    env = dict(os.environ, OMP_NUM_THREADS="1", EFFNET_HOME=str(tmp_path / "home"))
    said = subprocess.run([*torchrun, "--rows", rows], env=env, check=True, capture_output=True, text=True, timeout=300)
    assert [(run.family, run.depth, run.width) for run in atlas.read(rows)] == [("width", 1, 0.5), ("depth", 0.5, 1)]
    assert all(run.device.endswith("1 threads, 2 processes") and len(run.test) == 1 for run in atlas.read(rows))
    assert said.stdout.count("2/2") == 1 and not list(tmp_path.glob(".rows-checkpoints/*"))


def test_under_torchrun_there_is_one_run_at_a_time(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with ThreadPoolExecutor(2) as pool, pytest.raises(runner.PlanError, match="leave --workers out"):
        make(runner.read_plan(plan), tmp_path / "rows.jsonl", pool)


def small_shapes(dataset, split, resolution, count=None):
    from effnet_course import data

    return data.shapes(split, count=count or 40, resolution=resolution)
