"""What the scripts of Python clients share: checks that print a line each, and names nobody has used yet."""

import os
import sys
import time
import traceback

BOOTSTRAP = os.environ["BOOTSTRAP"]
RUN = f"{os.getpid():x}{time.time_ns() // 1000000 % 16777216:x}"

_checks = []


def check(function):
    """Registers a function whose docstring says what holds when it returns."""
    _checks.append(function)
    return function


def fresh(what):
    """A name of a topic or group that no other run has used."""
    return f"{what}-{RUN}"


def expect(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what or 'found'} {short(found)}, expected {short(wanted)}")


def short(value):
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}... ({len(text)} characters)"


def wait_until(holds, what, seconds=30):
    """Waits for `holds` to give something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.02)


def fails_with(error, call, *arguments, **named):
    """Calls, and expects the exception class or the one that `error` picks out."""
    try:
        found = call(*arguments, **named)
    except error as raised:
        return raised
    raise AssertionError(f"{short(found)} came back where {error} was expected")


def report(name, run):
    """One check: prints how it went, and tells whether it held."""
    try:
        run()
    except Exception as error:  # Whatever it is, the other checks still run.
        traceback.print_exc()
        print(f"FAILED {name}: {type(error).__name__}: {error}".replace("\n", " "), flush=True)
        return False
    print(f"ok {name}", flush=True)
    return True


def run(wrap=lambda function: function()):
    """Runs all checks, or those whose docstring has the text in ONLY, and ends the program."""
    only = os.environ.get("ONLY", "")
    names = [c for c in _checks if only in c.__doc__]
    held = [report(c.__doc__, lambda c=c: wrap(c)) for c in names]
    sys.stdout.flush()
    # Clients keep threads that nobody waits for.
    os._exit(0 if held and all(held) else 1)
