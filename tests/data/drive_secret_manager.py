"""Google's own client for Python, built from the Secret Manager document that the emulator serves, reads a secret, its
versions and its policy. Arguments: address, token, project."""

import sys

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError
import httplib2

address, token, project = sys.argv[1:]
_, document = httplib2.Http().request(f"{address}/$discovery/rest?api=secretmanager")
secrets = build_from_document(document, credentials=Credentials(token)).projects().secrets()
name = f"{project}/secrets/jwt-key"
assert secrets.get(name=name).execute()["name"] == name
assert "secrets" in secrets.list(parent=project).execute()
[version] = secrets.versions().list(parent=name).execute()["versions"]
assert version["state"] == "ENABLED", version
assert secrets.versions().get(name=f"{name}/versions/latest").execute() == version
[binding] = secrets.getIamPolicy(resource=name).execute()["bindings"]
assert binding["role"] == "roles/secretmanager.secretAccessor", binding
try:
    secrets.versions().get(name=f"{name}/versions/99").execute()
    raise AssertionError("a version that does not exist was found")
except HttpError as error:
    assert error.resp.status == 404, error
print("driven")
