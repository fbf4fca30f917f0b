"""AWS Signature Version 4 for one small request: no query, no session token.

Source: AWS General Reference, "Create a signed AWS API request".
"""

import datetime
import hashlib
import hmac
import urllib.parse

REGION = "us-east-1"


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sign(method, host, path, body, *, key_id, secret, service, now=None, extra=None):
    """Returns the headers to send, `extra` (lower-case names) among them; `path` is sent as it is given."""
    moment = (now or datetime.datetime.now(datetime.timezone.utc)).strftime("%Y%m%dT%H%M%SZ")
    day = moment[:8]
    body_hash = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": body_hash, "x-amz-date": moment, **(extra or {})}
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        [
            method,
            urllib.parse.quote(path, safe="/-_.~"),
            "",
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            body_hash,
        ]
    )
    scope = f"{day}/{REGION}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _hmac(_hmac(_hmac(_hmac(f"AWS4{secret}".encode(), day), REGION), service), "aws4_request")
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers
