"""The same migration with Google's own client: through BulkWriter, and one document after the other as the
guide's scripts do. Prints the seconds it took.

migrate_peer.py PROJECT bulk|single COUNT
"""

import sys
import time

from google.cloud import firestore
from google.cloud.firestore_v1.bulk_writer import BulkWriterOptions


def main() -> None:
    project, way, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = firestore.Client(project=project)
    users = client.collection("users")
    change = {"n": firestore.Increment(1)}
    next(iter(users.limit(1).stream()))  # the connection is made before the clock runs
    began = time.monotonic()
    if way == "bulk":
        # Its own ceiling of 500 documents a second is for a database that warms up; here nobody is to wait.
        unbounded = BulkWriterOptions(initial_ops_per_second=1_000_000, max_ops_per_second=1_000_000)
        writer = client.bulk_writer(options=unbounded)
        for document in users.limit(count).stream():
            writer.update(document.reference, change)
        writer.close()
    else:
        for document in users.limit(count).stream():
            document.reference.update(change)
    print(time.monotonic() - began)


main()
