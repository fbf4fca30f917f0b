#!/usr/bin/env python3
"""Writes sigv4_vectors.h: requests signed by botocore, the signer of boto3 and the AWS CLI (pip install botocore).

The inputs follow AWS's public Signature Version 4 test suite (paths, queries, header forms) and what the services of
this tree are sent. Run it again after changing the table:  make_sigv4_vectors.py > sigv4_vectors.h
"""
import datetime
import sys
from urllib.parse import urlsplit

import botocore
import botocore.auth as auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TIME = datetime.datetime(2015, 8, 30, 12, 36, 0)
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "http://example.amazonaws.com"
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="

# name, signer, service, method, path and query, fields, body, token
TABLE = [
    ("get-vanilla", "V4", "service", "GET", "/", {}, "", None),
    ("post-vanilla", "V4", "service", "POST", "/", {}, "", None),
    ("get-vanilla-query-order-key-case", "V4", "service", "GET", "/?Param2=value2&Param1=value1", {}, "", None),
    ("get-vanilla-query-order-value", "V4", "service", "GET", "/?Param1=value2&Param1=Value1", {}, "", None),
    ("get-vanilla-query-unreserved", "V4", "service", "GET",
     "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", {}, "", None),
    ("get-vanilla-empty-query-key", "V4", "service", "GET", "/?Param1=", {}, "", None),
    ("get-utf8", "V4", "service", "GET", "/%E1%88%B4", {}, "", None),
    ("get-space", "V4", "service", "GET", "/example%20space/", {}, "", None),
    ("get-relative", "V4", "service", "GET", "/example/..", {}, "", None),
    ("get-relative-relative", "V4", "service", "GET", "/example1/example2/../..", {}, "", None),
    ("get-slash-dot-slash", "V4", "service", "GET", "/./", {}, "", None),
    ("get-slash-pointless-dot", "V4", "service", "GET", "/./example", {}, "", None),
    ("get-slashes", "V4", "service", "GET", "//example//", {}, "", None),
    ("get-header-value-trim", "V4", "service", "GET", "/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}, "", None),
    ("post-x-www-form-urlencoded", "V4", "service", "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, "Param1=value1", None),
    ("post-sts-header", "V4", "service", "POST", "/", {}, "", TOKEN),
    ("lambda-invoke-by-arn", "V4", "lambda", "POST",
     "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello/invocations?Qualifier=%24LATEST",
     {"X-Amz-Invocation-Type": "Event", "X-Amz-Client-Context": "e30="}, '{"a": "\u00e9"}', None),
    ("sqs-json", "V4", "sqs", "POST", "/", {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}, "{}", None),
    ("s3-put", "S3", "s3", "PUT", "/bucket/a%20b/%C3%A9~-._/%2F//x?partNumber=1&uploadId=a%2Bb", {"x-amz-meta-k": "v"}, "hello", None),
    ("s3-dots", "S3", "s3", "GET", "/bucket/../key/./x", {}, "", None),
    ("s3-list", "S3", "s3", "GET", "/bucket?list-type=2&prefix=a%2F&delimiter=%2F&acl", {}, "", TOKEN),
    ("presigned-lambda", "V4Query", "lambda", "GET", "/2015-03-31/functions/?MaxItems=5", {}, "", None),
    ("presigned-token", "V4Query", "sts", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", {"x-k8s-aws-id": "c"}, "", TOKEN),
    ("presigned-s3", "S3Query", "s3", "GET", "/bucket/a%20b?response-content-type=text%2Fplain", {}, "", None),
]
SIGNERS = {
    "V4": lambda c, s: auth.SigV4Auth(c, s, "us-east-1"),
    "S3": lambda c, s: auth.S3SigV4Auth(c, s, "us-east-1"),
    "V4Query": lambda c, s: auth.SigV4QueryAuth(c, s, "us-east-1", expires=600),
    "S3Query": lambda c, s: auth.S3SigV4QueryAuth(c, s, "us-east-1", expires=600),
}


def quoted(data):
    out = '"'
    for byte in data:
        c = chr(byte)
        if c in '"\\':
            out += "\\" + c
        elif 32 <= byte < 127:
            out += c
        else:
            out += "\\%03o" % byte
    return out + '"'


def main():
    auth.get_current_datetime = lambda remove_tzinfo=True: TIME
    print("#pragma once\n\n#include <string>\n#include <utility>\n#include <vector>\n")
    print("namespace virga::dialects::aws::testing {\n")
    print(f"// Made by make_sigv4_vectors.py with botocore {botocore.__version__}. Do not edit.")
    print("struct SigV4Vector {\n  std::string name, service, method, target;\n"
          "  std::vector<std::pair<std::string, std::string>> fields;\n  std::string body, token;\n};\n")
    print("inline std::vector<SigV4Vector> sigv4_vectors() {\n  return {")
    for name, signer, service, method, target, fields, body, token in TABLE:
        data = body.encode()
        request = AWSRequest(method=method, url=HOST + target, headers=dict(fields), data=data)
        if signer == "S3":
            request.context["payload_signing_enabled"] = True
        SIGNERS[signer](Credentials(KEY, SECRET, token), service).add_auth(request)
        url = urlsplit(request.url)
        sent = [("Host", url.netloc)] + [(k, v) for k, v in request.headers.items() if k.lower() != "host"]
        path = request.url[len(HOST):]
        rows = ", ".join("{%s, %s}" % (quoted(str(k).encode()), quoted(str(v).encode())) for k, v in sent)
        print("      {%s, %s, %s, %s, {%s}, %s, %s}," % (quoted(name.encode()), quoted(service.encode()), quoted(method.encode()),
              quoted(path.encode()), rows, quoted(data), quoted((token or "").encode())))
    print("  };\n}\n")
    print("}  // namespace virga::dialects::aws::testing")


if __name__ == "__main__":
    sys.exit(main())
