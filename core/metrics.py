"""What is measured. Values from the database are read when somebody asks, see portal/health.py.

With PROMETHEUS_MULTIPROC_DIR set, all processes write files there and one answer adds them up.
"""

from prometheus_client import Counter, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

REQUESTS = Counter(
    "portal_requests", "Answers of the web server.", ["endpoint", "method", "status"]
)
REQUEST_SECONDS = Histogram(
    "portal_request_seconds", "Time to answer.", ["endpoint", "status"], buckets=_SECONDS
)
JOBS = Counter("portal_jobs", "Jobs that ran, by how they ended.", ["actor", "outcome"])
JOB_SECONDS = Histogram("portal_job_seconds", "Time a job took.", ["actor"], buckets=_SECONDS)
MAILS = Counter("portal_mails", "Attempts to send a mail, by what came of it.", ["outcome"])
