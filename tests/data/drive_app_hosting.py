"""Google's own client for Python, built from the discovery document that the emulator serves, drives it through build,
rollout, switch and back, and through what it refuses. Arguments: address, token, folder of a service, port."""

import sys
import time

from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
import httplib2

address, token, folder, port = sys.argv[1:]
_, document = httplib2.Http().request(f"{address}/$discovery/rest")
api = build_from_document(document, credentials=Credentials(token)).projects().locations()
backends, operations = api.backends(), api.operations()
place = "projects/demo-toto/locations/us-central1"
backend = f"{place}/backends/by-google"
source = {"archive": {"userStorageUri": f"file://{folder}", "rootDirectory": "/"}}


def done(request):
    operation = request.execute()
    for _ in range(600):
        if operation.get("done"):
            assert "error" not in operation, operation
            return operation
        time.sleep(0.05)
        operation = operations.get(name=operation["name"]).execute()
    raise AssertionError(f"{operation} did not end")


def refused(request, code, status):
    try:
        answer = request.execute()
    except HttpError as error:
        body = __import__("json").loads(error.content)["error"]
        assert (error.resp.status, body["status"]) == (code, status), body
        return
    raise AssertionError(f"not refused: {answer}")


def live():
    splits = backends.traffic().get(name=f"{backend}/traffic").execute()["current"].get("splits", [])
    return [(split["build"].rsplit("/", 1)[1], split["percent"]) for split in splits]


def roll_out(build, rollout):
    body = {"build": f"{backend}/builds/{build}"}
    done(backends.rollouts().create(parent=backend, rolloutId=rollout, body=body))
    for _ in range(600):
        seen = backends.rollouts().get(name=f"{backend}/rollouts/{rollout}").execute()
        if seen["state"] in ("SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"):
            assert seen["state"] == "SUCCEEDED", seen
            break
        time.sleep(0.05)
    assert live() == [(build, 100)], live()


annotations = {"pointsman.dev/address": f"localhost:{port}"}
body = {"servingLocality": "GLOBAL_ACCESS", "annotations": annotations, "environment": "development"}
done(backends.create(parent=place, backendId="by-google", body=body))
assert [b["name"] for b in backends.list(parent=f"{place[:-11]}-").execute()["backends"]] == [backend]
for build in ("one", "two"):
    done(backends.builds().create(parent=backend, buildId=build, body={"source": source}))
    seen = backends.builds().get(name=f"{backend}/builds/{build}").execute()
    assert seen["state"] == "READY", seen
assert live() == [], live()
roll_out("one", "r-1")
roll_out("two", "r-2")
roll_out("one", "r-3")
_, answer = httplib2.Http().request(f"http://localhost:{port}/api/health")
assert b'"one"' in answer, answer

traffic = f"{backend}/traffic"
target = lambda *percents: {
    "name": traffic,
    "target": {"splits": [{"build": f"{backend}/builds/{b}", "percent": p} for b, p in percents]},
}
set_target = lambda *percents: backends.traffic().patch(
    name=traffic, updateMask="target", body=target(*percents)
)
refused(set_target(("one", 50), ("two", 50)), 400, "INVALID_ARGUMENT")
refused(set_target(("one", 100), ("two", 100)), 400, "INVALID_ARGUMENT")
both = dict(target(("one", 100)), rolloutPolicy={"codebaseBranch": "main"})
refused(backends.traffic().patch(name=traffic, body=both), 400, "INVALID_ARGUMENT")
stale = dict(target(("one", 100)), etag='"old"')
refused(backends.traffic().patch(name=traffic, updateMask="target", body=stale), 409, "ABORTED")
again = {"source": source}
refused(backends.builds().create(parent=backend, buildId="one", body=again), 409, "ALREADY_EXISTS")
refused(backends.builds().create(parent=backend, buildId="three", body={}), 400, "INVALID_ARGUMENT")
refused(backends.builds().get(name=f"{backend}/builds/none"), 404, "NOT_FOUND")
refused(backends.builds().delete(name=f"{backend}/builds/one"), 400, "FAILED_PRECONDITION")
nothing = {"build": f"{backend}/builds/none"}
refused(backends.rollouts().create(parent=backend, rolloutId="r-9", body=nothing), 404, "NOT_FOUND")
dry = backends.rollouts().create(
    parent=backend, rolloutId="r-9", validateOnly=True, body={"build": f"{backend}/builds/two"}
).execute()
assert dry["done"] and live() == [("one", 100)], dry
done(set_target(("two", 100)))
for _ in range(600):
    if live() == [("two", 100)]:
        break
    time.sleep(0.05)
assert live() == [("two", 100)], live()
stranger = build_from_document(document, credentials=Credentials("stranger"))
try:
    stranger.projects().locations().list(name="projects/demo-toto").execute()
    raise AssertionError("a stranger is let in")
except RefreshError:
    pass  # the client took the 401 for a token that ended, and has nothing to refresh it with
print("driven")
