"""A folder of submissions -> marks and feedback. What `effnet-course grade` does; `batch.grade` is the way in.

    submissions.py   finds the files, whatever the LMS called them, and says whose each is
    sandbox.py       starts a worker where it can do no harm, and stops it when it takes too much
    kernel.py        what the kernel refuses to it: memory that no process is seen to hold
    worker.py        the other side: runs the student's code, and hands back what its functions return
    wire.py          what crosses between the two: JSON, and arrays as bytes
    marking.py       one submission: cases out, outputs back, verdicts and points
    batch.py         all of them, on several cores; goes on where it was stopped
    report.py        marks.csv, the feedback pages, the items, the log

A worker is handed inputs and hands back outputs. The reference and the comparison stay on this side, so there is
nothing to read over there and nothing to forge: the one way to a point is the right output for a new input.
"""
