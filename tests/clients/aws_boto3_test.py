"""boto3, unmodified: every operation of the Lambda API that Virga has, its waiters, pages and errors; and STS."""

import base64
import json
import unittest

from botocore.exceptions import ClientError

from e2e.virga import ROLE, Virga, main, zip_of

CODE = {"index.js": "exports.handler = async (event, context) => ({ event, version: context.functionVersion })"}
OTHER = {"index.js": "exports.handler = async () => 'other'"}


class Boto3(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = cls.enterClassContext(Virga())
        cls.aws = cls.virga.client("lambda")

    def create(self, name, **options):
        arguments = dict(Runtime="nodejs20.x", Handler="index.handler", Role=ROLE, Code={"ZipFile": zip_of(CODE)})
        return self.aws.create_function(FunctionName=name, **{**arguments, **options})

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def call(self, name, **options):
        return json.loads(self.aws.invoke(FunctionName=name, Payload=b"1", **options)["Payload"].read())

    def test_sts(self):
        identity = self.virga.client("sts").get_caller_identity()
        self.assertEqual((identity["Account"], identity["Arn"]), ("000000000000", "arn:aws:iam::000000000000:root"))
        self.refused("SignatureDoesNotMatch", self.virga.client("sts", key_id="nobody").get_caller_identity)

    def test_errors_are_the_exceptions_of_the_model(self):
        with self.assertRaises(self.aws.exceptions.ResourceNotFoundException) as caught:
            self.aws.get_function(FunctionName="nope")
        response = caught.exception.response
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], 404)
        self.assertIn("function:nope", response["Error"]["Message"])
        self.assertEqual(len(response["ResponseMetadata"]["RequestId"]), 36)
        self.create("twice")
        with self.assertRaises(self.aws.exceptions.ResourceConflictException):
            self.create("twice")
        with self.assertRaises(self.aws.exceptions.InvalidParameterValueException):
            self.create("other", Runtime="ruby3.2")
        with self.assertRaises(self.aws.exceptions.PreconditionFailedException):
            self.aws.update_function_configuration(FunctionName="twice", Timeout=5, RevisionId="old")
        self.refused("ValidationException", self.create, name="f" * 65)
        self.refused("UnsupportedOperationException", self.aws.list_code_signing_configs)
        self.refused("InvalidSignatureException", self.virga.client("lambda", secret="wrong").list_functions)

    def test_function_life(self):
        made = self.create("life", Description="d", Timeout=9, MemorySize=192, Environment={"Variables": {"AB": "1"}},
                           Tags={"t": "1"}, TracingConfig={"Mode": "Active"}, EphemeralStorage={"Size": 600},
                           LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
                           VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        for waiter in ("function_exists", "function_active", "function_active_v2", "function_updated", "function_updated_v2"):
            self.aws.get_waiter(waiter).wait(FunctionName="life")
        found = self.aws.get_function(FunctionName=made["FunctionArn"])
        self.assertEqual(found["Tags"], {"t": "1"})
        self.assertEqual(found["Configuration"]["CodeSha256"], made["CodeSha256"])
        settings = self.aws.get_function_configuration(FunctionName="life")
        wanted = {"Timeout": 9, "MemorySize": 192, "State": "Active", "LastUpdateStatus": "Successful",
                  "Environment": {"Variables": {"AB": "1"}}, "TracingConfig": {"Mode": "Active"},
                  "EphemeralStorage": {"Size": 600}, "Architectures": ["x86_64"], "PackageType": "Zip"}
        self.assertEqual({name: settings[name] for name in wanted}, wanted)
        changed = self.aws.update_function_configuration(FunctionName="life", Timeout=4, Environment={"Variables": {}})
        self.assertEqual(changed["Timeout"], 4)
        self.assertNotIn("Environment", changed)
        dry = self.aws.update_function_code(FunctionName="life", ZipFile=zip_of(OTHER), DryRun=True)
        self.assertEqual(self.aws.get_function_configuration(FunctionName="life")["CodeSha256"], made["CodeSha256"])
        published = self.aws.update_function_code(FunctionName="life", ZipFile=zip_of(OTHER), Publish=True)
        self.assertEqual(published["Version"], "1")
        self.assertEqual(published["CodeSha256"], dry["CodeSha256"])
        self.aws.get_waiter("published_version_active").wait(FunctionName="life", Qualifier="1")
        self.assertEqual(self.call("life"), "other")
        self.aws.delete_function(FunctionName="life", Qualifier="1")
        self.aws.delete_function(FunctionName="life")
        self.refused("ResourceNotFoundException", self.aws.delete_function, FunctionName="life")

    def test_pages(self):
        names = [f"page{number}" for number in range(5)]
        for name in names:
            self.create(name)
        pages = self.aws.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
        listed = [function["FunctionName"] for page in pages for function in page["Functions"]]
        self.assertEqual([name for name in listed if name.startswith("page")], names)
        self.assertEqual(len(listed), len(set(listed)))
        for timeout in range(4, 8):
            self.aws.update_function_configuration(FunctionName="page0", Timeout=timeout)
            self.aws.publish_version(FunctionName="page0")
        pages = self.aws.get_paginator("list_versions_by_function").paginate(FunctionName="page0", PaginationConfig={"PageSize": 2})
        versions = [version["Version"] for page in pages for version in page["Versions"]]
        self.assertEqual(versions, ["$LATEST", "1", "2", "3", "4"])
        for name in ("c", "a", "b"):
            self.aws.create_alias(FunctionName="page0", Name=name, FunctionVersion="1")
        pages = self.aws.get_paginator("list_aliases").paginate(FunctionName="page0", PaginationConfig={"PageSize": 2})
        self.assertEqual([alias["Name"] for page in pages for alias in page["Aliases"]], ["a", "b", "c"])

    def test_versions_and_aliases(self):
        self.create("versions")
        first = self.aws.publish_version(FunctionName="versions", Description="first")
        self.assertEqual((first["Version"], first["Description"]), ("1", "first"))
        self.assertEqual(self.aws.publish_version(FunctionName="versions")["Version"], "1")
        self.aws.update_function_code(FunctionName="versions", ZipFile=zip_of(OTHER))
        self.assertEqual(self.aws.publish_version(FunctionName="versions")["Version"], "2")
        self.assertEqual(self.call("versions:1"), {"event": 1, "version": "1"})
        alias = self.aws.create_alias(FunctionName="versions", Name="live", FunctionVersion="1", Description="d")
        self.assertTrue(alias["AliasArn"].endswith(":versions:live"))
        self.assertEqual(self.aws.get_alias(FunctionName="versions", Name="live")["FunctionVersion"], "1")
        weighted = self.aws.update_alias(FunctionName="versions", Name="live",
                                         RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
        self.assertEqual(weighted["RoutingConfig"], {"AdditionalVersionWeights": {"2": 1.0}})
        self.assertEqual(self.aws.invoke(FunctionName="versions", Qualifier="live")["ExecutedVersion"], "2")
        self.refused("ResourceConflictException", self.aws.delete_function, FunctionName="versions", Qualifier="1")
        self.aws.update_alias(FunctionName="versions", Name="live", FunctionVersion="2",
                              RoutingConfig={"AdditionalVersionWeights": {}})
        self.assertEqual(self.aws.list_aliases(FunctionName="versions", FunctionVersion="1")["Aliases"], [])
        self.aws.delete_alias(FunctionName="versions", Name="live")
        self.refused("ResourceNotFoundException", self.aws.get_alias, FunctionName="versions", Name="live")

    def test_layers(self):
        content = {"ZipFile": zip_of({"nodejs/node_modules/greet/index.js": "module.exports = () => 'hi from the layer'"})}
        layer = self.aws.publish_layer_version(LayerName="greet", Content=content, CompatibleRuntimes=["nodejs20.x"],
                                               LicenseInfo="MIT", Description="d")
        arn = layer["LayerVersionArn"]
        self.assertEqual(layer["Version"], 1)
        self.assertEqual(self.aws.get_layer_version(LayerName="greet", VersionNumber=1)["LayerVersionArn"], arn)
        self.assertEqual(self.aws.get_layer_version_by_arn(Arn=arn)["Content"]["CodeSha256"], layer["Content"]["CodeSha256"])
        self.assertIn("greet", [found["LayerName"] for found in self.aws.list_layers()["Layers"]])
        self.assertEqual(len(self.aws.list_layer_versions(LayerName="greet")["LayerVersions"]), 1)
        source = {"index.js": "exports.handler = async () => require('greet')()"}
        made = self.create("layered", Layers=[arn], Code={"ZipFile": zip_of(source)})
        self.assertEqual(made["Layers"][0]["Arn"], arn)
        self.assertEqual(self.call("layered"), "hi from the layer")
        self.aws.delete_layer_version(LayerName="greet", VersionNumber=1)
        self.refused("ResourceNotFoundException", self.aws.get_layer_version, LayerName="greet", VersionNumber=1)
        self.assertEqual(self.call("layered"), "hi from the layer")

    def test_urls(self):
        self.create("url")
        made = self.aws.create_function_url_config(FunctionName="url", AuthType="AWS_IAM", Cors={"AllowOrigins": ["*"]})
        self.assertEqual(made["FunctionUrl"], self.virga.url + "/fn/url/")
        self.assertEqual(self.aws.get_function_url_config(FunctionName="url")["AuthType"], "AWS_IAM")
        self.assertEqual(self.aws.update_function_url_config(FunctionName="url", AuthType="NONE")["AuthType"], "NONE")
        self.assertEqual(len(self.aws.list_function_url_configs(FunctionName="url")["FunctionUrlConfigs"]), 1)
        self.refused("ResourceConflictException", self.aws.create_function_url_config, FunctionName="url", AuthType="NONE")
        self.aws.delete_function_url_config(FunctionName="url")
        self.refused("ResourceNotFoundException", self.aws.get_function_url_config, FunctionName="url")

    def test_concurrency(self):
        self.create("busy")
        self.assertNotIn("ReservedConcurrentExecutions", self.aws.get_function_concurrency(FunctionName="busy"))
        self.aws.put_function_concurrency(FunctionName="busy", ReservedConcurrentExecutions=0)
        self.assertEqual(self.aws.get_function(FunctionName="busy")["Concurrency"], {"ReservedConcurrentExecutions": 0})
        throttled = self.refused("TooManyRequestsException", self.aws.invoke, FunctionName="busy")
        self.assertEqual(throttled["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
        self.refused("InvalidParameterValueException", self.aws.put_function_concurrency, FunctionName="busy",
                     ReservedConcurrentExecutions=100000)
        self.aws.delete_function_concurrency(FunctionName="busy")
        self.assertEqual(self.call("busy")["event"], 1)

    def test_tags_policy_and_account(self):
        arn = self.create("tagged")["FunctionArn"]
        self.aws.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
        self.aws.untag_resource(Resource=arn, TagKeys=["a", "c"])
        self.assertEqual(self.aws.list_tags(Resource=arn)["Tags"], {"b": "2"})
        self.aws.add_permission(FunctionName="tagged", StatementId="s1", Action="lambda:InvokeFunction",
                                Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket")
        policy = self.aws.get_policy(FunctionName="tagged")
        self.assertEqual([statement["Sid"] for statement in json.loads(policy["Policy"])["Statement"]], ["s1"])
        self.aws.remove_permission(FunctionName="tagged", StatementId="s1", RevisionId=policy["RevisionId"])
        self.refused("ResourceNotFoundException", self.aws.get_policy, FunctionName="tagged")
        account = self.aws.get_account_settings()
        self.assertEqual(account["AccountLimit"]["ConcurrentExecutions"], 1000)
        self.assertGreaterEqual(account["AccountUsage"]["FunctionCount"], 1)

    def test_invocation_kinds(self):
        self.create("kinds")
        for kind, status in {"RequestResponse": 200, "Event": 202, "DryRun": 204}.items():
            self.assertEqual(self.aws.invoke(FunctionName="kinds", InvocationType=kind)["StatusCode"], status)
        self.assertEqual(self.aws.invoke_async(FunctionName="kinds", InvokeArgs=b"{}")["Status"], 202)
        context = base64.b64encode(b'{"custom":{"a":1}}').decode()
        self.assertEqual(self.call("kinds", ClientContext=context)["event"], 1)


if __name__ == "__main__":
    main()
