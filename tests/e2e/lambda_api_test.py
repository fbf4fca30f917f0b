"""Functions over the Lambda API, as somebody sees them who uploads and calls them."""

import json
import unittest

from botocore.exceptions import ClientError

from e2e.virga import ROLE, Virga, decode_log, main, request, zip_of

ECHO = """
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError(event.fail);
  if (event.exit) process.exit(3);
  if (event.sleep) await new Promise((done) => setTimeout(done, event.sleep));
  if (event.log) console.log(event.log);
  return { event, version: context.functionVersion, arn: context.invokedFunctionArn, id: context.awsRequestId,
           env: process.env.KEY ?? null, client: context.clientContext ?? null };
};
"""
PYTHON = """
def handler(event, context):
    return {"sum": sum(event), "name": context.function_name}
"""


class LambdaApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = cls.enterClassContext(Virga())
        cls.aws = cls.virga.client("lambda")

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def invoke(self, name, payload=None, **options):
        answer = self.aws.invoke(FunctionName=name, Payload=json.dumps(payload), **options)
        return answer, json.loads(answer["Payload"].read() or "null")

    def test_refuses_who_is_not_known(self):
        self.refused("InvalidSignatureException", self.virga.client("lambda", key_id="nobody").list_functions)
        self.assertEqual(request(self.virga.url + "/2015-03-31/functions").status, 403)

    def test_refuses_what_is_not_there_or_wrong(self):
        self.refused("ResourceNotFoundException", self.aws.invoke, FunctionName="nope")
        self.refused("ResourceNotFoundException", self.aws.get_function, FunctionName="nope")
        self.refused("UnsupportedOperationException", self.aws.list_code_signing_configs)
        wrong = dict(FunctionName="wrong", Role=ROLE, Runtime="nodejs20.x", Handler="i.h")
        self.refused("InvalidParameterValueException", self.aws.create_function, **wrong, Code={"ZipFile": b"no zip"})
        self.refused("InvalidParameterValueException", self.aws.create_function, **wrong, Code={"S3Bucket": "bkt", "S3Key": "k"})
        code = {"ZipFile": zip_of({"i.js": ECHO})}
        self.refused("InvalidParameterValueException", self.aws.create_function, **{**wrong, "Runtime": "java8"}, Code=code)
        self.refused("ValidationException", self.aws.create_function, **wrong, Code=code, Timeout=5000)

    def test_runs_what_was_uploaded(self):
        self.virga.create_node("echo", ECHO, Environment={"Variables": {"KEY": "value"}}, MemorySize=256)
        self.aws.get_waiter("function_active_v2").wait(FunctionName="echo")
        answer, result = self.invoke("echo", {"log": "h\u00e9llo"}, LogType="Tail")
        self.assertEqual(answer["StatusCode"], 200)
        self.assertNotIn("FunctionError", answer)
        self.assertEqual(answer["ExecutedVersion"], "$LATEST")
        self.assertEqual(result["event"], {"log": "h\u00e9llo"})
        self.assertEqual(result["env"], "value")
        self.assertEqual(result["arn"], "arn:aws:lambda:us-east-1:000000000000:function:echo")
        self.assertEqual(result["id"], answer["ResponseMetadata"]["RequestId"])
        log = decode_log(answer["LogResult"])
        self.assertIn(f"START RequestId: {result['id']}", log)
        self.assertIn("h\u00e9llo", log)
        self.assertIn("Memory Size: 256 MB", log)

    def test_runs_python_too(self):
        self.aws.create_function(FunctionName="adder", Runtime="python3.11", Handler="app.handler", Role=ROLE,
                                 Code={"ZipFile": zip_of({"app.py": PYTHON})})
        self.assertEqual(self.invoke("adder", [1, 2, 3])[1], {"sum": 6, "name": "adder"})

    def test_reports_how_a_function_failed(self):
        self.virga.create_node("failing", ECHO, Timeout=1)
        answer, result = self.invoke("failing", {"fail": "because"})
        self.assertEqual((answer["StatusCode"], answer["FunctionError"]), (200, "Unhandled"))
        self.assertEqual((result["errorType"], result["errorMessage"]), ("TypeError", "because"))
        answer, result = self.invoke("failing", {"exit": True})
        self.assertEqual(answer["FunctionError"], "Unhandled")
        self.assertIn("exit", json.dumps(result))
        answer, result = self.invoke("failing", {"sleep": 5000})
        self.assertEqual(answer["FunctionError"], "Unhandled")
        self.assertIn("timed out after 1.00 seconds", result["errorMessage"])
        self.assertEqual(self.invoke("failing", {"ok": 1})[1]["event"], {"ok": 1})

    def test_payload_limits(self):
        self.virga.create_node("limits", ECHO)
        self.refused("RequestTooLargeException", self.aws.invoke, FunctionName="limits", Payload=b'"' + b"x" * 6291455 + b'"')
        self.refused("InvalidRequestContentException", self.aws.invoke, FunctionName="limits", Payload=b"{")
        big = "x" * (5 * 1024 * 1024)
        self.assertEqual(self.invoke("limits", {"big": big})[1]["event"]["big"], big)

    def test_event_and_dry_run(self):
        self.virga.create_node("later", ECHO)
        self.assertEqual(self.aws.invoke(FunctionName="later", InvocationType="Event", Payload=b"{}")["StatusCode"], 202)
        self.assertEqual(self.aws.invoke(FunctionName="later", InvocationType="DryRun")["StatusCode"], 204)

    def test_an_update_reaches_the_next_call(self):
        self.virga.create_node("updated", ECHO)
        self.assertEqual(self.invoke("updated", 1)[1]["event"], 1)
        self.aws.update_function_code(FunctionName="updated", ZipFile=zip_of({"index.js": "exports.handler = async () => 'new'"}))
        self.aws.get_waiter("function_updated_v2").wait(FunctionName="updated")
        self.assertEqual(self.invoke("updated", 1)[1], "new")
        self.aws.update_function_configuration(FunctionName="updated", Handler="index.missing")
        answer, result = self.invoke("updated", 1)
        self.assertEqual(answer["FunctionError"], "Unhandled")

    def test_code_can_be_fetched_again(self):
        self.virga.create_node("fetched", ECHO)
        code = self.aws.get_function(FunctionName="fetched")["Code"]
        self.assertEqual(request(code["Location"]).body, zip_of({"index.js": ECHO}))
        self.assertEqual(request(code["Location"] + "0").status, 403)

    def test_functions_survive_a_restart(self):
        with Virga() as first:
            first.create_node("kept", ECHO)
            first.stop()
            first.start()
            self.assertEqual(first.client("lambda").get_function(FunctionName="kept")["Configuration"]["State"], "Active")
            answer = first.client("lambda").invoke(FunctionName="kept", Payload=b"1")
            self.assertEqual(json.loads(answer["Payload"].read())["event"], 1)


if __name__ == "__main__":
    main()
