"""The command `effnet-course`. Each verb imports what it needs, so that `--help` answers at once."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

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
    verb.add_argument("--all", action="store_true", help="a line a lesson: guesses, questions and points")
    verb.set_defaults(run=_check)

    verb = verbs.add_parser("questions", help="the self-check questions: how many there are, or flash cards of them")
    verb.add_argument("--anki", metavar="FILE", help="write them as flash cards, a text file that Anki imports")
    verb.set_defaults(run=_questions)

    verb = verbs.add_parser("grade", help="mark a folder of submissions: marks, feedback pages, an item report")
    _grade_options(verb)
    verb.set_defaults(run=_grade)

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
    kind.add_argument("--nbgrader", metavar="FOLDER", help="write the sheets to FOLDER as sources for nbgrader")
    verb.set_defaults(run=_release)

    verb = verbs.add_parser("variant", help="write a sheet of their own for students: other values, from a secret seed")
    verb.add_argument("--sheet", required=True, metavar="NN", help="the sheet's number, such as 05")
    verb.add_argument("--seed-file", required=True, metavar="FILE", help="a file with the class's secret seed")
    verb.add_argument("--student", action="append", default=[], metavar="ID", help="a student's id; may be repeated")
    verb.add_argument("--roster", metavar="CSV", help="the class, as for `grade`: everybody in it")
    verb.add_argument("--out", required=True, metavar="FOLDER", help="where to write a notebook for each student")
    verb.add_argument("--solved", action="store_true", help="write the solved variants, for yourself")
    verb.set_defaults(run=_variant)

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


def _grade_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("submissions", metavar="SUBMISSIONS", help="a folder or a zip, as Canvas or Moodle delivers it")
    verb.add_argument("--sheet", required=True, metavar="NUMBER", help="the sheet's number, such as 02")
    verb.add_argument("--seed-file", required=True, metavar="FILE", help="any text that your students do not know")
    verb.add_argument("--out", required=True, metavar="REPORT", help="a folder for marks.csv, feedback/ and the rest")
    verb.add_argument("--roster", metavar="FILE", help="a CSV of your students: id, name, LMS id, email, what there is")
    verb.add_argument("--workers", type=_count, metavar="N", help="submissions at a time (default: one per core)")
    verb.add_argument("--time", type=_count, default=20, metavar="S", help="seconds for an exercise (default 20)")
    verb.add_argument("--memory", type=_count, default=2048, metavar="MB", help="memory of a submission (default 2048)")
    verb.add_argument("--late", type=_percent, default=0, metavar="PERCENT", help="taken off what is late (default 0)")
    verb.add_argument("--variants", action="store_true", help="the class was given variants, made with this seed file")
    verb.add_argument("--unprotected", action="store_true", help="run student code without bubblewrap, as yourself")


def _percent(text: str) -> float:
    if not text.isdigit() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 100")
    return int(text)


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
    from effnet_course import progress
    from effnet_course.exercises import sheet, sheets
    from effnet_course.home import home

    if options.all:
        print(progress.text())
        return 0
    solved = progress.solved_exercises()
    for number in sheets():
        exercises = sheet(number)
        points = sum(exercise.points for exercise in exercises if exercise.id in solved)
        print(f"Sheet {number}: {points} of {sum(exercise.points for exercise in exercises)} points")
        for exercise in exercises:
            print(f"  {'solved' if exercise.id in solved else 'open  '}  {exercise.id} {exercise.title}")
    if not solved:
        print(f"Nothing is solved yet, as far as {home() / 'progress.jsonl'} says.")
    return 0


def _questions(options: argparse.Namespace) -> int:
    from effnet_course import asking
    from effnet_course.home import write_whole

    if options.anki is None:
        for path in sorted(asking.QUESTIONS.glob("*.toml")):
            print(f"lesson {path.stem}: {len(asking.questions(path.stem))} questions")
        print(f"{len(asking.bank())} in all. As flash cards for Anki: effnet-course questions --anki cards.csv")
        return 0
    file = Path(options.anki)
    try:
        write_whole(file, asking.flash_cards())
    except OSError as error:
        print(f"{file} could not be written ({error}). Name a file in a folder that is there.", file=sys.stderr)
        return 1
    print(f"{len(asking.bank())} cards in {file}. In Anki: File, Import, and choose it.")
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
    processes = options.workers * int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # the latter is torchrun's
    threads = options.threads or max(1, cores // processes)
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


def _grade(options: argparse.Namespace) -> int:
    if os.name == "nt":
        print("Windows cannot keep student code apart: run this in WSL or in a Linux container.", file=sys.stderr)
        return 1
    from effnet_course.grading import batch

    order = batch.Order(
        Path(options.submissions), options.sheet, Path(options.seed_file), Path(options.out),
        Path(options.roster) if options.roster else None, options.workers or batch.cores(),
        batch.Limits(seconds=options.time, memory=options.memory), options.late, not options.unprotected,
        options.variants,
    )  # fmt: skip
    again = "What is marked is kept; call the same command again to go on."
    try:
        report = batch.grade(order)
    except KeyboardInterrupt:
        print(f"\nStopped. {again}", file=sys.stderr)
        return 130
    except (batch.SubmissionError, batch.SandboxError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"A file could not be read or written: {error}. {again}", file=sys.stderr)
        return 1
    print(f"{len(report.rows)} students: {order.out / 'marks.csv'}. What was out of the ordinary is in log.txt.")
    if failed := sum(row.status == "not graded" for row in report.rows):
        print(f"{failed} of them not graded, by a fault of the grader: log.txt has it. {again}", file=sys.stderr)
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
        if options.nbgrader:
            for file in authoring.nbgrader(Path(options.nbgrader)):
                print(f"wrote {file}")
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
    except OSError as error:
        print(f"A file could not be written: {error}.", file=sys.stderr)
        return 1
    for sentence in found:
        print(sentence, file=sys.stderr)
    return int(bool(found))


def _variant(options: argparse.Namespace) -> int:
    from effnet_course import variant
    from effnet_course.doctor import checkout
    from effnet_course.grading.submissions import SubmissionError, read_roster

    number = options.sheet.zfill(2)
    root = checkout()
    folder = root and Path(root) / ("solutions" if options.solved else "exercises")
    files = {path.name[:2]: path for path in sorted(folder.glob("*.ipynb"))} if folder else {}
    try:
        if root is None:
            raise variant.VariantError("There are no sheets beside this package: run this in a clone of the course.")
        if number not in files:
            raise variant.VariantError(f"There is no sheet {options.sheet!r}. These are there: {', '.join(files)}.")
        seed = variant.read_seed(options.seed_file)
        roster = read_roster(Path(options.roster)) if options.roster else []
        students = [*options.student, *(row.id for row in roster)]
        if not students:
            raise variant.VariantError("For whom? Name a student with --student ID, or a class with --roster CSV.")
        students = list(dict.fromkeys(students))
        written = variant.write(Path(options.out), number, files[number], seed, students)
    except (variant.VariantError, SubmissionError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"A file could not be read or written: {error}.", file=sys.stderr)
        return 1
    for student, file in zip(students, written, strict=True):
        chosen = variant.settings(number, variant.key(seed, number, student))
        said = "; ".join(f"{id} {', '.join(f'{k} {v}' for k, v in values.items())}" for id, values in chosen.items())
        print(f"{file}  {said}".rstrip())
    if not chosen:
        print(f"No exercise of sheet {number} varies: only the checks' random cases differ.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
