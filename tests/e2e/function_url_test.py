"""Functions as web addresses."""

import json
import time
import unittest

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from e2e.virga import Virga, main, request

WEB = """
exports.handler = async (event) => {
  const path = event.rawPath;
  if (path === '/text') return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: 'hello' };
  if (path === '/binary') return { statusCode: 200, headers: { 'content-type': 'image/png' }, isBase64Encoded: true, body: 'AAH/' };
  if (path === '/cookies') return { statusCode: 302, headers: { location: '/' }, cookies: ['a=1', 'b=2; Secure'], body: '' };
  if (path === '/throw') throw new Error('secret detail');
  if (path === '/broken') return { statusCode: 'abc' };
  if (path === '/string') return 'plain';
  if (path === '/sleep') await new Promise((done) => setTimeout(done, 5000));
  return event;
};
"""


class FunctionUrl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = cls.enterClassContext(Virga())
        cls.aws = cls.virga.client("lambda")
        cls.virga.create_node("web", WEB, Timeout=2)
        cls.url = cls.aws.create_function_url_config(FunctionName="web", AuthType="NONE")["FunctionUrl"]
        cls.virga.create_node("private", WEB)
        cls.private = cls.aws.create_function_url_config(
            FunctionName="private",
            AuthType="AWS_IAM",
            Cors={"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60},
        )["FunctionUrl"]

    def test_says_how_to_make_a_url(self):
        answer = request(self.virga.url + "/fn/nope/")
        self.assertEqual(answer.status, 404)
        self.assertIn("create-function-url-config", answer.json["Message"])

    def test_every_failure_is_a_status_without_details(self):
        for path, status in {"throw": 502, "broken": 502, "sleep": 504}.items():
            answer = request(self.url + path)
            self.assertEqual(answer.status, status, path)
            self.assertNotIn("secret", answer.text)

    def test_a_repeated_request_gives_the_same_event_again(self):
        # From the second one on the process is not told the whole text any more: nothing but ids and times may tell.
        requests = [
            ("", "GET", None, {}),
            ("a/b?x=1&x=2&y=%C3%A9&__proto__=p&7=seven", "GET", None, {"X-Name": "\u00fc", "Cookie": "s=1; t=2"}),
            ("body", "POST", '{"k": "v\u00e9\\n\u20ac\U0001d11e"}'.encode(), {"Content-Type": "application/json"}),
            ("body", "POST", b"plain", {"Content-Type": "text/plain"}),
            ("body", "PUT", b"\x00\xff", {"Content-Type": "application/octet-stream"}),
            ("trace", "GET", None, {"X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793"}),
            ("trace", "GET", None, {"X-Amzn-Trace-Id": 'quo"te\u00e9'}),
        ]
        for path, method, body, headers in requests:
            with self.subTest(path=path, method=method, headers=headers):
                seen, ids = [], set()
                for _ in range(5):
                    answer = request(self.url + path, method, body, headers)
                    event = answer.json
                    context = event["requestContext"]
                    self.assertEqual(answer.headers["x-amzn-RequestId"], context["requestId"])
                    ids.add(context.pop("requestId"))
                    self.assertAlmostEqual(context.pop("timeEpoch") / 1000, time.time(), delta=60)
                    self.assertRegex(context.pop("time"), r"^\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000$")
                    if "X-Amzn-Trace-Id" not in headers:
                        self.assertRegex(event["headers"].pop("x-amzn-trace-id"), "^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$")
                    seen.append(json.dumps(event))
                self.assertEqual(len(ids), 5)
                self.assertEqual(set(seen), {seen[0]})

    def test_the_event_is_payload_format_2(self):
        answer = request(
            self.url + "a%20b/c?x=1&x=2&y=%C3%A9&flag",
            "POST",
            b'{"k": "v"}',
            {"Content-Type": "application/json", "Cookie": "s=1; t=2", "X-Many": "one"},
        )
        event = answer.json
        self.assertEqual(event["version"], "2.0")
        self.assertEqual(event["rawPath"], "/a%20b/c")
        self.assertEqual(event["rawQueryString"], "x=1&x=2&y=%C3%A9&flag")
        self.assertEqual(event["queryStringParameters"], {"x": "1,2", "y": "\u00e9", "flag": ""})
        self.assertEqual(event["cookies"], ["s=1", "t=2"])
        self.assertEqual(event["headers"]["x-many"], "one")
        self.assertEqual(event["headers"]["x-forwarded-for"], "127.0.0.1")
        self.assertNotIn("cookie", event["headers"])
        self.assertEqual((event["body"], event["isBase64Encoded"]), ('{"k": "v"}', False))
        context = event["requestContext"]
        self.assertEqual(context["http"]["method"], "POST")
        self.assertEqual(context["accountId"], "anonymous")
        self.assertEqual(context["requestId"], answer.headers["x-amzn-RequestId"])
        binary = request(self.url, "POST", b"\x00\xff", {"Content-Type": "application/octet-stream"}).json
        self.assertEqual((binary["body"], binary["isBase64Encoded"]), ("AP8=", True))

    def test_answers_are_what_the_function_says(self):
        self.assertEqual(request(self.url + "text").text, "hello")
        self.assertEqual(request(self.url + "text").headers["content-type"], "text/plain")
        self.assertEqual(request(self.url + "binary").body, b"\x00\x01\xff")
        moved = request(self.url + "cookies")
        self.assertEqual((moved.status, moved.headers["location"]), (302, "/"))
        self.assertEqual(moved.headers.get_all("set-cookie"), ["a=1", "b=2; Secure"])
        plain = request(self.url + "string")
        self.assertEqual((plain.text, plain.headers["content-type"]), ("plain", "application/json"))

    def test_hosts_name_functions_too(self):
        port = self.virga.url.rsplit(":", 1)[1]
        answer = request(self.virga.url + "/text", headers={"Host": f"web.fn.localhost:{port}"})
        self.assertEqual(answer.text, "hello")

    def test_iam_urls_want_a_signature(self):
        self.assertEqual(request(self.private).status, 403)
        self.assertEqual(request(self.private).json, {"Message": "Forbidden"})
        signed = AWSRequest("GET", self.private + "x?a=b%20c", headers={})
        SigV4Auth(Credentials(self.virga.key_id, self.virga.secret), "lambda", "us-east-1").add_auth(signed)
        answer = request(signed.url, headers=dict(signed.headers.items()))
        self.assertEqual(answer.status, 200, answer.text)
        iam = answer.json["requestContext"]["authorizer"]["iam"]
        self.assertEqual(iam["accessKey"], self.virga.key_id)

    def test_preflights_are_answered_by_the_platform(self):
        headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        answer = request(self.private, "OPTIONS", headers=headers)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "https://a.example")
        other = request(self.private, "OPTIONS", headers={**headers, "Origin": "https://evil.example"})
        self.assertIsNone(other.headers["Access-Control-Allow-Origin"])

    def test_aliases_have_urls_of_their_own(self):
        self.aws.publish_version(FunctionName="web")
        self.aws.create_alias(FunctionName="web", Name="live", FunctionVersion="1")
        url = self.aws.create_function_url_config(FunctionName="web", Qualifier="live", AuthType="NONE")["FunctionUrl"]
        self.assertEqual(request(url + "text").text, "hello")
        self.aws.delete_function_url_config(FunctionName="web", Qualifier="live")
        self.assertEqual(request(url + "text").status, 404)


if __name__ == "__main__":
    main()
