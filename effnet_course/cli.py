"""The command `effnet-course`. Each verb imports what it needs, so that `--help` answers at once."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from effnet_course import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; returns the exit status: 0 if all is well, 1 if something is wrong."""
    parser = argparse.ArgumentParser(
        "effnet-course", description="The hands-on course on efficient networks."
    )
    parser.add_argument("--version", action="version", version=f"effnet-course {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    verb = verbs.add_parser(
        "lab", help="open the course in JupyterLab; further arguments go on to JupyterLab"
    )
    verb.set_defaults(run=_lab)

    verb = verbs.add_parser("doctor", help="look at this machine: what is missing, and what to do about it")
    verb.set_defaults(run=_doctor)

    verb = verbs.add_parser("data", help="get the datasets, so that the lessons then run without a network")
    verb.add_argument(
        "names", nargs="*", metavar="NAME", help="cifar10 (the default), imagenette, imagenette-320"
    )
    verb.set_defaults(run=_data)

    verb = verbs.add_parser("check", help="show which exercises you have solved on this machine")
    verb.set_defaults(run=_check)

    verb = verbs.add_parser(
        "release", help="write notebooks/, exercises/ and solutions/ from source/ (in a checkout)"
    )
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument("--check", action="store_true", help="write nothing, name what differs")
    kind.add_argument(
        "--record",
        nargs="*",
        metavar="PART",
        help="run the notebooks whose path contains PART (all if "
        "none is given) and keep the outputs of the cells tagged nbval-check-output, then write",
    )
    kind.add_argument("--stats", action="store_true", help="count cells and words")
    verb.set_defaults(run=_release)

    verb = verbs.add_parser("atlas", help="train the networks of a plan, and show what was recorded")
    _atlas_verbs(verb.add_subparsers(dest="what", required=True, metavar="WHAT"))

    options, rest = parser.parse_known_args(arguments)
    if rest and options.verb != "lab":
        parser.error(f"unknown: {' '.join(rest)}")
    options.rest = rest
    return options.run(options)


def _atlas_verbs(verbs) -> None:
    plan = {"metavar": "PLAN", "help": "a plan's file, or the name of one that ships with the course"}
    rows = {"metavar": "FILE", "help": "where its rows are (default: in your own atlas, under EFFNET_HOME)"}

    verb = verbs.add_parser("plans", help="list the plans that ship with the course")
    verb.set_defaults(run=_atlas_plans)

    verb = verbs.add_parser("plan", help="show a plan's networks and MACs, and how many of its runs are made")
    verb.add_argument("plan", **plan)
    verb.add_argument("--rows", **rows)
    verb.set_defaults(run=_atlas_plan)

    verb = verbs.add_parser(
        "run", help="make the runs that are missing; stop it when you like, and call it again to go on"
    )
    verb.add_argument("plan", **plan)
    verb.add_argument("--rows", **rows)
    verb.add_argument("--workers", type=_count, default=1, metavar="N", help="runs at a time (default 1)")
    verb.add_argument("--threads", type=_count, metavar="N", help="threads for each (default: the cores, shared out)")
    verb.set_defaults(run=_atlas_run)

    verb = verbs.add_parser("show", help="show what was recorded, the course's runs and your own")
    verb.set_defaults(run=_atlas_show)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or more")
    return int(text)


def _lab(options: argparse.Namespace) -> int:
    try:
        from jupyterlab.labapp import main as jupyterlab
    except ImportError:
        print("JupyterLab is not installed: run `make lab`, or `pip install jupyterlab`.", file=sys.stderr)
        return 1
    from effnet_course.doctor import checkout

    arguments = ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *options.rest]
    root = checkout()
    if root:
        arguments += [
            f"--ServerApp.root_dir={root}",
            "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb",
        ]
    # A terminal in JupyterLab, and `!effnet-course` in a notebook, find the command.
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return jupyterlab(arguments) or 0


def _doctor(options: argparse.Namespace) -> int:
    from effnet_course import doctor

    findings = doctor.examine()
    print(doctor.text(findings))
    return int(any(finding.missing for finding in findings))


def _data(options: argparse.Namespace) -> int:
    from effnet_course import data

    try:
        data.fetch(options.names or ["cifar10"])
    except data.DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check(options: argparse.Namespace) -> int:
    from effnet_course.exercises import sheet, sheets
    from effnet_course.home import home

    file = home() / "progress.jsonl"
    solved = set()
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []:
        try:
            solved.add(json.loads(line)["exercise"])
        except (ValueError, KeyError, TypeError):
            continue  # a line that a crash cut short
    for number in sheets():
        exercises = sheet(number)
        points = sum(exercise.points for exercise in exercises if exercise.id in solved)
        print(f"Sheet {number}: {points} of {sum(exercise.points for exercise in exercises)} points")
        for exercise in exercises:
            print(f"  {'solved' if exercise.id in solved else 'open  '}  {exercise.id} {exercise.title}")
    if not solved:
        print(f"Nothing is solved yet, as far as {file} says.")
    return 0


def _atlas_plans(options: argparse.Namespace) -> int:
    from effnet_course import runner

    for path in sorted(runner.PLANS.glob("*.toml")):
        print(f"{path.stem:<20} {path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}")
    return 0


def _atlas_plan(options: argparse.Namespace) -> int:
    from effnet_course import runner

    try:
        print(runner.table(runner.read_plan(options.plan), options.rows))
    except (runner.PlanError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _atlas_run(options: argparse.Namespace) -> int:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from contextlib import nullcontext
    from multiprocessing import get_context

    from effnet_course import data, runner

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = options.threads or max(1, cores // options.workers)
    pool = nullcontext()
    if options.workers > 1:
        pool = ProcessPoolExecutor(options.workers, get_context("spawn"), runner.end_with_parent)
    again = "Every finished run is kept; call the same command again to go on."
    try:
        jobs = runner.read_plan(options.plan)
        with pool as executor:
            outcome = runner.run(jobs, options.rows or runner.rows_file(jobs), executor, threads=threads)
    except KeyboardInterrupt:
        print(f"\nStopped. {again}", file=sys.stderr)
        return 130
    except BrokenProcessPool:
        print(f"A worker died, perhaps for lack of memory: try fewer --workers. {again}", file=sys.stderr)
        return 1
    except (runner.PlanError, data.DataError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"A file could not be read or written: {error}. {again}", file=sys.stderr)
        return 1
    return int(bool(outcome.failed))


def _atlas_show(options: argparse.Namespace) -> int:
    from effnet_course import atlas

    try:
        points = atlas.summary(atlas.runs(own=True))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{'study':<20} {'family':<11}{'budget':>6}{'d':>7}{'w':>7}{'px':>5}{'MACs':>13}  {'seeds':>5}  "
          "validation top-1, %")  # fmt: skip
    for p in points:
        mean, low, high = atlas.interval(p.values)
        known = f"{mean:.2f}" + (f" ({low:.2f} to {high:.2f})" if len(p.values) > 1 else "")
        print(f"{p.study:<20} {p.family:<11}{p.budget:>5g}x{p.depth:>7.3g}{p.width:>7.3g}{p.resolution:>5}{p.macs:>13,}"
              f"  {len(p.values):>5}  {known}")  # fmt: skip
    print("In brackets: the 95 % interval over seeds, by Student's t.")
    return 0


def _release(options: argparse.Namespace) -> int:
    from effnet_course.doctor import checkout

    if checkout() is None:
        print("There is no source/ beside this package: run this in a clone of the course.", file=sys.stderr)
        return 1
    from effnet_course import authoring

    try:
        if options.stats:
            print(authoring.statistics())
            return 0
        if options.record is not None:
            for path in authoring.record(names=tuple(options.record)):
                print(f"recorded {path}")
        if not options.check:
            for path in authoring.release():
                print(f"wrote {path}")
        found = authoring.differences()
    except authoring.SourceError as error:
        print(error, file=sys.stderr)
        return 1
    for sentence in found:
        print(sentence, file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
