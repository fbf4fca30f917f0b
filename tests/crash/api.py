"""Signed requests without a client library between: what was answered is known to the byte, and nothing is tried again."""

import http.client
import json
import urllib.parse

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ACCOUNT = "000000000000"
REGION = "us-east-1"


class NoAnswer(Exception):
    """The daemon is gone, or has cut the answer off: whether the request was done is not known."""


class Refused(Exception):
    """An answer that says no. `status` and `body` are its."""

    def __init__(self, what, status, body):
        super().__init__(f"{what}: {status} {body[:300]!r}")
        self.status, self.body = status, body


class Answer:
    def __init__(self, request_id, body):
        self.request_id, self.body = request_id, body

    @property
    def json(self):
        return json.loads(self.body)


class Api:
    """One connection to a running daemon. One thread."""

    def __init__(self, virga, timeout=40):
        self._url = virga.url
        parts = urllib.parse.urlsplit(virga.url)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        self._credentials = Credentials(virga.key_id, virga.secret)

    def close(self):
        self._connection.close()

    def call(self, service, method, target, body=b"", headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        request = AWSRequest(method, self._url + target, data=body, headers=dict(headers or {}))
        request.context["client_config"] = None
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        signer(self._credentials, service, REGION).add_auth(request)
        try:
            self._connection.request(method, target, body, dict(request.headers.items()))
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer(f"{method} {target}: {error!r}") from error
        if answer.status >= 300:
            raise Refused(f"{method} {target}", answer.status, content)
        return Answer(answer.getheader("x-amzn-requestid"), content)

    # ---- Services.

    def s3(self, method, target, body=b"", headers=None):
        return self.call("s3", method, target, body, headers)

    def functions(self, method, target, body=b"", headers=None):
        return self.call("lambda", method, target, body, headers)

    def queues(self, operation, **members):
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS." + operation}
        if "QueueName" not in members:
            members["QueueUrl"] = f"{self._url}/{ACCOUNT}/{members.pop('queue')}"
        return self.call("sqs", "POST", "/", members, headers)

    def schedules(self, method, target, body=b""):
        return self.call("scheduler", method, target, body)

    def invocation(self, call, wait=0):
        return self.call("virga", "GET", f"/_virga/v1/invocations/{call}?wait={wait}")


def queue_arn(name):
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def function_arn(name):
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
