"""Google's own client for Python, built from the Cloud Logging and Cloud Monitoring documents that the emulator serves,
reads the log and the figures of a build with traffic. Arguments: address, token, project, service, build."""

from datetime import datetime, timedelta, timezone
import sys

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
import httplib2

address, token, project, service, build = sys.argv[1:]


def client(api):
    _, document = httplib2.Http().request(f"{address}/$discovery/rest?api={api}")
    return build_from_document(document, credentials=Credentials(token))


revision = (
    'resource.type="cloud_run_revision" AND '
    f'resource.labels.service_name="{service}" AND resource.labels.revision_name="{build}"'
)
listed = client("logging").entries().list(body={"resourceNames": [project], "filter": revision}).execute()
assert listed["entries"][0]["resource"]["labels"]["revision_name"] == build, listed
now = datetime.now(timezone.utc)
series = client("monitoring").projects().timeSeries().list(
    name=project,
    filter=f'metric.type="run.googleapis.com/request_count" AND {revision}',
    interval_startTime=(now - timedelta(hours=1)).isoformat(),
    interval_endTime=(now + timedelta(minutes=1)).isoformat(),
    aggregation_alignmentPeriod="60s",
    aggregation_perSeriesAligner="ALIGN_DELTA",
).execute()
[answered] = [one for one in series["timeSeries"] if one["metric"]["labels"]["response_code"] == "200"]
assert int(answered["points"][0]["value"]["int64Value"]) > 0, answered
print("driven")
