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

    options, rest = parser.parse_known_args(arguments)
    if rest and options.verb != "lab":
        parser.error(f"unknown: {' '.join(rest)}")
    options.rest = rest
    return options.run(options)


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
