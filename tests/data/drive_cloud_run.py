"""Google's own client for Python, built from the Cloud Run document that the emulator serves, reads the service below a
backend. Arguments: address, token, name of the service, id of its live build."""

import sys

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
import httplib2

address, token, name, build = sys.argv[1:]
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
print("driven")
