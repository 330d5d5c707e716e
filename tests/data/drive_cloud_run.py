"""Google's own client for Python, built from the Cloud Run document that the emulator serves, reads and tags the service
below a backend, and drives a service of its own. Arguments: address, token, name of the service, id of its live build,
folder that stands for an image."""

import sys
import time

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
import httplib2

address, token, name, build, folder = sys.argv[1:]
_, document = httplib2.Http().request(f"{address}/$discovery/rest?api=run")
api = build_from_document(document, credentials=Credentials(token)).projects().locations()
services = api.services()
service = services.get(name=name).execute()
[status] = service["trafficStatuses"]
assert (status["revision"], status["percent"]) == (build, 100), service
assert service["latestReadyRevision"] == f"{name}/revisions/{build}", service
parent = name.rsplit("/", 2)[0]
listed = services.list(parent=parent).execute()["services"]
assert service in listed, listed
revisions = services.revisions().list(parent=name).execute()["revisions"]
assert f"{name}/revisions/{build}" in [one["name"] for one in revisions], revisions
try:
    services.patch(name=name, updateMask="traffic", body={"traffic": []}).execute()
    raise AssertionError("the emulator changed a service below a backend")
except HttpError as error:
    assert error.resp.status == 501, error
try:
    services.get(name=f"{parent}/services/none").execute()
    raise AssertionError("a service that does not exist was found")
except HttpError as error:
    assert error.resp.status == 404, error
BY_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def part(revision, percent, tag=None):
    target = {"type": BY_REVISION, "revision": revision, "percent": percent}
    return {**target, "tag": tag} if tag else target


def ended(request):
    operation = request.execute()
    while not operation.get("done"):
        time.sleep(0.05)
        operation = api.operations().get(name=operation["name"]).execute()
    assert "error" not in operation, operation


def statuses(of):
    shown = services.get(name=of).execute()["trafficStatuses"]
    return [(one["revision"], one["percent"], one.get("tag")) for one in shown]


# A tag below a backend, with the etag of the service.
tagged = {"etag": service["etag"], "traffic": service["traffic"] + [part(build, 0, "pm-python")]}
ended(services.patch(name=name, updateMask="traffic", body=tagged))
assert (build, 0, "pm-python") in statuses(name), statuses(name)

# A service of its own: two revisions, shared traffic, and its end.
own, image = f"{parent}/services/own", f"file://{folder}"
first = {"revision": "own-one", "containers": [{"image": image}]}
latest = [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
ended(services.create(parent=parent, serviceId="own", body={"template": first, "traffic": latest}))
assert statuses(own) == [("own-one", 100, None)], statuses(own)
second = {"revision": "own-two", "containers": [{"image": image}]}
body = {"template": second, "traffic": [part("own-one", 100), part("own-two", 0, "green")]}
ended(services.patch(name=own, updateMask="template,traffic", body=body))
assert statuses(own) == [("own-one", 100, None), ("own-two", 0, "green")], statuses(own)
shared = {"traffic": [part("own-one", 50), part("own-two", 50)]}
ended(services.patch(name=own, updateMask="traffic", body=shared))
assert statuses(own) == [("own-one", 50, None), ("own-two", 50, None)], statuses(own)
ended(services.patch(name=own, updateMask="traffic", body={"traffic": [part("own-two", 100)]}))
ended(services.revisions().delete(name=f"{own}/revisions/own-one"))
left = services.revisions().list(parent=own).execute()["revisions"]
assert [one["name"].rsplit("/", 1)[1] for one in left] == ["own-two"], left
assert left[0]["conditions"][0]["state"] == "CONDITION_SUCCEEDED", left
ended(services.delete(name=own))
print("driven")
