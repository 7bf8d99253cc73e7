#!/usr/bin/env python3
"""steps.py FILE RESULTS: does the steps of FILE, prints a line for each, and writes them to RESULTS.

A step is a title at the left margin, and below it, indented, what is typed and what has to come:

    exec knows the working directory
      $ podman exec -w /tmp c1 pwd
      /tmp
      $ podman exec c1 sh -c 'exit 3'
      [3]

Each line that follows a command has to be in its output, as a whole, or as /a regular expression/; in this order, among
others. [N] is the status, 0 where none is written. "> " continues a command. A command has a minute. What a step has begun,
such as a container that runs, the next ones find. Lines with # at the left margin are comments.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

SECONDS = 60


def read(path):
    """[(title, [(command, [expected line], status)])]"""
    steps = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            text = line.strip()
            if not text or line.startswith("#"):
                continue
            if not line.startswith(" "):
                steps.append((text, []))
            elif text.startswith("$ "):
                steps[-1][1].append([text[2:], [], 0])
            elif text.startswith("> ") or text == ">":
                steps[-1][1][-1][0] += "\n" + line.split(">", 1)[1].removeprefix(" ")
            elif re.fullmatch(r"\[\d+\]", text):
                steps[-1][1][-1][2] = int(text[1:-1])
            else:
                steps[-1][1][-1][1].append(text)
    return steps


def type_in(command):
    """Its status, 124 when its time was over, and what it wrote."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        try:
            status = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = 124
        output.seek(0)
        text = output.read().decode(errors="replace").replace("\r", "")
    return (128 - status if status < 0 else status), text


def missing(expected, text):
    """The first line that does not come, or None."""
    rest = iter(text.split("\n"))
    for wanted in expected:
        is_pattern = len(wanted) > 2 and wanted[0] == wanted[-1] == "/"
        for line in rest:
            if re.search(wanted[1:-1], line) if is_pattern else line.strip() == wanted:
                break
        else:
            return wanted
    return None


def fault(commands):
    """What went wrong, or None."""
    for command, expected, status in commands:
        found, text = type_in(command)
        lacks = missing(expected, text)
        if found == status and lacks is None:
            continue
        why = f"status {found}, not {status}" if found != status else f"no line {lacks}"
        return f"{command}\n{why}; it wrote:\n{text.strip()[-2000:]}"
    return None


def main():
    good = bad = 0
    with open(sys.argv[2], "w", encoding="utf-8") as results:
        for title, commands in read(sys.argv[1]):
            begin = time.monotonic()
            wrong = fault(commands)
            took = time.monotonic() - begin
            good, bad = (good, bad + 1) if wrong else (good + 1, bad)
            print(f"{'NOT' if wrong else 'ok '} {title} ({took:.1f} s)", flush=True)
            if wrong:
                print("\n".join("        " + line for line in wrong.split("\n")), flush=True)
            print("NOT" if wrong else "ok", title, sep="\t", file=results, flush=True)
    print(f"{good} of {good + bad} steps pass")


main()
