#!/usr/bin/env python3
"""Writes the golden state folder: runs of every kind, with facts of every kind, by a real binary.

    tests/it/golden/write.py path/to/pointsman

Run it once for each edition whose stores must stay readable, never to make a test pass. It works in /srv/toto, a path
without a machine's name in it, because plans hold the folders that they were made from.
"""

import fcntl
import json
import os
import pty
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = "/srv/toto"
STATE = FOLDER + "/state"
BINARY = os.path.abspath(sys.argv[1])
PATH = FOLDER + "/bin:" + os.environ["PATH"]
ENVIRONMENT = {"HOME": FOLDER, "USER": "ana", "PATH": PATH, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def command(*words):
    return ["pointsman", "--config", FOLDER + "/config.yaml", "--state-dir", STATE, *words]


def run(line, expect=0, **more):
    done = subprocess.run(command(*line.split(), *more.get("rest", [])), capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode != expect:
        sys.exit(f"{line}: exit {done.returncode}, not {expect}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def latest():
    """The run under way; empty if none is."""
    return json.loads(run("status development --json"))["run"] or {}


def until(what, condition):
    end = time.time() + 60
    while not condition():
        if time.time() > end:
            sys.exit(f"waited in vain until {what}; {latest()}")
        time.sleep(0.1)


def reaches(state, step=None):
    def there():
        found = latest()
        return found.get("state") == state and (step is None or found.get("step") == step)

    until(f"it is {state} {step or ''}", there)


def kill_runner():
    os.kill(latest()["pid"], signal.SIGKILL)
    time.sleep(0.3)


class Screen:
    """The screen in a terminal, whose output is thrown away."""

    def __init__(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("pointsman", command(), ENVIRONMENT)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
        threading.Thread(target=self.drain, daemon=True).start()
        time.sleep(2)

    def drain(self):
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass

    def keys(self, *keys):
        for key in keys:
            os.write(self.terminal, key.encode())
            time.sleep(1)

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)


def automatic_rollouts(service):
    """Has the platform roll out by itself, which a run holds."""
    emulator = json.loads(run("emulator status --json"))
    token = run("emulator token").strip()
    traffic = f"projects/demo-toto/locations/us-central1/backends/{service}/traffic"
    request = urllib.request.Request(
        f"{emulator['url']}/v1/{traffic}?updateMask=rolloutPolicy",
        json.dumps({"rolloutPolicy": {"codebaseBranch": "main"}}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="PATCH",
    )
    urllib.request.urlopen(request).read()


def write():
    run("emulator start")
    why = ["--reason", "INC-12: the fix for the cart"]
    run("migrate baseline development --to 0.0.0 --yes", rest=["--reason", "a new database"])
    run("deploy development --release 1.0.0 --yes --override checklist=trial", rest=why)
    automatic_rollouts("toto-app")
    # By the screen: its list is ticked there, and its gate approved.
    screen = Screen()
    screen.keys("D", "j", "\r")
    until("it is begun", lambda: screen.keys("y") or latest())
    reaches("waiting")
    number = latest()["run"]
    run(f"checklist {number} tick backup-made", rest=["--note", "made at noon"])
    until("it waits for an approval", lambda: latest().get("step") == "gate")
    run(f"pause {number}", expect=3)
    run(f"approve {number}")
    until("it is over", lambda: not latest())
    screen.close()
    # Paused and carried on; killed and carried on.
    run("deploy development --release 1.2.0 --yes --detach --override checklist=trial")
    number = latest()["run"]
    run(f"pause {number}")
    reaches("paused")
    run(f"resume {number}")
    until("it moves traffic", lambda: latest().get("step", "").startswith("soak"))
    kill_runner()
    run(f"resume {number} --choose continue --yes")
    # A migration that takes something away goes with the clean-up.
    time.sleep(0.1)
    run("cleanup development --yes", rest=["--reason", "blue is not needed"])
    # A candidate that is never healthy: retried, skipped, taken back by rule.
    run("deploy development --release 1.2.0-broken --yes --detach --override checklist=trial")
    number = latest()["run"]
    reaches("step_failed")
    run(f"retry {number}")
    reaches("step_failed")
    run(f"skip {number} --reason sure")
    until("it is over", lambda: not latest())
    # Ended by a person before traffic moves.
    run("deploy development --release 1.1.0 --yes --detach --override checklist=trial")
    number = latest()["run"]
    run(f"abort {number}")
    until("it is over", lambda: not latest())
    # One that dies after the switch goes back by rule.
    run("deploy development --release 1.4.0-crash --yes --override checklist=trial", expect=6)
    run("rollback development --yes", rest=why)
    # A run in doubt, superseded by a rollback.
    run("deploy development --release 1.5.0 --yes --detach --override checklist=trial")
    until("it moves traffic", lambda: latest().get("step", "").startswith("soak"))
    kill_runner()
    run("rollback development --yes")
    # Deletes what no rollback needs: the builds that were never stable.
    time.sleep(0.1)
    run("cleanup development --yes", rest=["--reason", "the end"])
    run("migrate down development --to 1.0.0 --yes", expect=3)
    run("lock development take", rest=["--reason", "demo at three"])
    run("emulator stop")


OUTPUTS = {
    "status": "status --json",
    "history": "history --json",
    "plan": "plan development --release 1.2.0 --json",
    "lock": "lock development --json",
}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in ("toto-app", "toto-bo", "migrations"):
        shutil.copytree(f"{HERE}/project/{name}", f"{FOLDER}/{name}")
    os.makedirs(FOLDER + "/bin")
    shutil.copy(BINARY, FOLDER + "/bin/pointsman")
    shutil.copy(f"{HERE}/project/config.yaml", FOLDER)
    try:
        write()
    finally:
        subprocess.run(command("emulator", "stop"), capture_output=True, env=ENVIRONMENT)
    # The platform is not part of the store: what is printed depends on the store and the config alone.
    shutil.rmtree(STATE + "/emulator")
    runs = [entry["run"] for entry in json.loads(run("history --json"))]
    out = f"{HERE}/first-edition"
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out + "/said")
    for name, line in OUTPUTS.items():
        said = subprocess.run(command(*line.split()), capture_output=True, text=True, env=ENVIRONMENT)
        save(f"{out}/said/{name}.json", said.stdout)
    for number in sorted(runs):
        save(f"{out}/said/events-{number}.json", run(f"events {number} --json"))
        report = json.loads(run(f"report {number} --json"))
        del report["facts"]
        save(f"{out}/said/report-{number}.json", json.dumps(report) + "\n")
        save(f"{out}/said/verify-{number}.json", run(f"verify {number} --json"))
    store = sqlite3.connect(STATE + "/store.db")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.execute("PRAGMA journal_mode=DELETE")
    store.execute("VACUUM")
    store.close()
    shutil.copy(STATE + "/store.db", out)
    facts = [json.loads(line) for number in runs for line in run(f"events {number} --json").splitlines()]
    print(f"{len(runs)} runs, {len(facts)} facts of kinds: {sorted({fact['kind'] for fact in facts})}")


def save(file, text):
    with open(file, "w") as to:
        to.write(text)


main()
