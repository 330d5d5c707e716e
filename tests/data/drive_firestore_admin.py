"""Google's own client for Python, built from the Firestore Admin and Firebase Rules documents that the emulator serves,
creates, lists and deletes an index, sets an expiry, exports, and tests rules. Arguments: address, token, project."""

import sys

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
import httplib2

address, token, project = sys.argv[1:]


def client(api):
    _, document = httplib2.Http().request(f"{address}/$discovery/rest?api={api}")
    return build_from_document(document, credentials=Credentials(token)).projects()


databases = client("firestore").databases()
name = f"{project}/databases/(default)"
assert databases.get(name=name).execute()["type"] == "FIRESTORE_NATIVE"
groups = databases.collectionGroups()
index = {"queryScope": "COLLECTION", "fields": [
    {"fieldPath": "a", "order": "ASCENDING"}, {"fieldPath": "b", "order": "DESCENDING"}]}
parent = f"{name}/collectionGroups/things"
begun = groups.indexes().create(parent=parent, body=index).execute()
assert databases.operations().get(name=begun["name"]).execute()["done"], begun
try:
    groups.indexes().create(parent=parent, body=index).execute()
    raise AssertionError("the same index was created twice")
except HttpError as error:
    assert error.resp.status == 409, error
[found] = groups.indexes().list(parent=f"{name}/collectionGroups/-").execute()["indexes"]
fields = groups.indexes().get(name=found["name"]).execute()["fields"]
assert fields == index["fields"] + [{"fieldPath": "__name__", "order": "DESCENDING"}], fields
groups.indexes().delete(name=found["name"]).execute()
assert groups.indexes().list(parent=parent).execute()["indexes"] == []
field = f"{parent}/fields/until"
groups.fields().patch(name=field, updateMask="ttlConfig", body={"ttlConfig": {}}).execute()
[listed] = groups.fields().list(parent=f"{name}/collectionGroups/-", filter="ttlConfig:*").execute()["fields"]
assert listed["name"] == field, listed
groups.fields().patch(name=field, updateMask="ttlConfig", body={}).execute()
assert "ttlConfig" not in groups.fields().get(name=field).execute()
exported = databases.exportDocuments(name=name, body={"outputUriPrefix": "gs://bucket/folder"}).execute()
operation = databases.operations().get(name=exported["name"]).execute()
assert operation["response"]["outputUriPrefix"] == "gs://bucket/folder", operation
backups = client("firestore").locations().backups()
assert backups.list(parent=f"{project}/locations/us-central1").execute() == {"backups": []}
rules = client("firebaserules")
release = rules.releases().get(name=f"{project}/releases/cloud.firestore").execute()
case = {"expectation": "DENY", "request": {"auth": None, "method": "create", "path": "/databases/(default)/documents/x/y"}}
tested = rules.test(name=release["rulesetName"], body={"testSuite": {"testCases": [case]}}).execute()
assert tested["testResults"] == [{"state": "SUCCESS"}], tested
print("driven")
