"""Signed requests on a connection that stays open: what a load of many small calls needs and boto3 is too slow for."""

import http.client
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Connection:
    """One connection to a running Virga. One thread. OSError when the daemon is gone."""

    def __init__(self, virga, timeout=150):
        parts = urllib.parse.urlsplit(virga.url)
        self._url = virga.url
        self._credentials = Credentials(virga.key_id, virga.secret)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)

    def send(self, method, target, body, service, headers=None):
        """Status, fields in lower case, body."""
        request = AWSRequest(method, self._url + target, data=body.encode(), headers=headers or {})
        SigV4Auth(self._credentials, service, "us-east-1").add_auth(request)
        try:
            self._connection.request(method, target, body.encode(), dict(request.headers.items()))
            answer = self._connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        except http.client.HTTPException as error:
            raise OSError(f"no answer: {error!r}") from error
