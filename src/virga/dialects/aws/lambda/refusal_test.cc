#include "virga/dialects/testing/lambda_world.h"

// What the Lambda API refuses, as tables.
namespace virga::dialects::aws {
namespace {

using dialects::testing::LambdaWorld;
using ::testing::Test;

struct Refused {
  std::string method, target, body;
  int status;
  std::string type, says;
};

class LambdaRefusals : public Test {
 protected:
  void check(const std::vector<Refused>& cases) {
    for (const Refused& c : cases) {
      auto reply = world_.send(c.method, c.target, c.body);
      EXPECT_EQ(reply.status, c.status) << c.target << c.body.substr(0, 300) << reply.body;
      EXPECT_EQ(reply.error_type, c.type) << c.target << c.body.substr(0, 300);
      EXPECT_NE(reply.message().find(c.says), std::string::npos) << reply.message() << "\nmust say: " << c.says;
    }
  }
  // A CreateFunction body that is right but for what replaces or follows.
  std::string body(const std::string& more, const std::string& name = "f") {
    return R"({"FunctionName":")" + name + R"(","Runtime":"nodejs20.x","Handler":"index.handler",)" +
           R"("Role":"arn:aws:iam::123456789012:role/r","Code":{"ZipFile":")" + LambdaWorld::zip() + "\"}" + more + "}";
  }
  LambdaWorld world_;
  const std::string create_ = "/2015-03-31/functions";
};

TEST_F(LambdaRefusals, NamesPathsAndOperationsItDoesNotHave) {
  check(
      {{"GET", "/", "", 404, "UnknownOperationException", "no operation GET /"},
       {"GET", "/2015-03-31/nothing", "", 404, "UnknownOperationException", "/2015-03-31/nothing"},
       {"DELETE", "/2015-03-31/functions", "", 404, "UnknownOperationException", "DELETE"},
       {"GET", "/2020-04-22/code-signing-configs/", "", 400, "UnsupportedOperationException", "ListCodeSigningConfigs"},
       {"POST", "/2025-12-01/durable-executions/a%2Fb/checkpoint", "{}", 400, "UnsupportedOperationException",
        "CheckpointDurableExecution"}});
}

TEST_F(LambdaRefusals, SaysWhatIsWrongWithABody) {
  check({{"POST", create_, "{", 400, "InvalidRequestContentException", "Could not parse request body into json"},
         {"POST", create_, "\xff", 400, "InvalidRequestContentException", "at byte 0"},
         {"POST", create_, "[]", 400, "SerializationException", "must be a JSON object"},
         {"POST", create_, std::string(200, '['), 400, "InvalidRequestContentException", "json"},
         {"POST", create_, "{}", 400, "ValidationException",
          "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be "
          "null"},
         {"POST", create_, R"({"FunctionName":7})", 400, "SerializationException", "'functionName' must be a string"},
         {"POST", create_, R"({"FunctionName":"f","Role":"r","Code":{"ZipFile":"!!!"}})", 400, "SerializationException",
          "'code.zipFile' must be Base64"}});
}

TEST_F(LambdaRefusals, ChecksEverySettingOfANewFunction) {
  check(
      {{"POST", create_, body("", "a b"), 400, "ValidationException", "'functionName'"},
       {"POST", create_, body("", std::string(65, 'a')), 400, "ValidationException", "less than or equal to 64"},
       {"POST", create_, body(R"(,"Timeout":0)"), 400, "ValidationException",
        "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"},
       {"POST", create_, body(R"(,"Timeout":901)"), 400, "ValidationException", "less than or equal to 900"},
       {"POST", create_, body(R"(,"Timeout":1.5)"), 400, "SerializationException", "'timeout' must be an integer"},
       {"POST", create_, body(R"(,"MemorySize":127)"), 400, "ValidationException", "'memorySize'"},
       {"POST", create_, body(R"(,"MemorySize":99999999999999999999)"), 400, "ValidationException", "'memorySize'"},
       {"POST", create_, body(R"(,"Runtime":"cobol85")"), 400, "InvalidParameterValueException",
        "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, "
        "python3.11]"},
       {"POST", create_, body(R"(,"Handler":"a b")"), 400, "ValidationException", "'handler'"},
       {"POST", create_, body(R"(,"Role":"me")"), 400, "ValidationException", "'role'"},
       {"POST", create_, body(R"(,"Architectures":["mips"])"), 400, "ValidationException", "[x86_64, arm64]"},
       {"POST", create_, body(R"(,"EphemeralStorage":{"Size":100})"), 400, "ValidationException",
        "'ephemeralStorage.size'"},
       {"POST", create_, body(R"(,"TracingConfig":{"Mode":"x"})"), 400, "ValidationException", "'tracingConfig.mode'"},
       {"POST", create_, body(R"(,"Environment":{"Variables":{"1A":"x"}})"), 400, "ValidationException",
        "'environment.variables'"},
       {"POST", create_, body(R"(,"Environment":{"Variables":{"AWS_REGION":"x"}})"), 400,
        "InvalidParameterValueException", "Reserved keys used in this request: AWS_REGION"},
       {"POST", create_, body(R"(,"Environment":{"Variables":{"LONG":")" + std::string(4096, 'x') + "\"}}"), 400,
        "InvalidParameterValueException", "4100 bytes"},
       {"POST", create_, body(R"(,"Environment":{"Variables":{"NUL":"\u0000"}})"), 400,
        "InvalidParameterValueException", "NUL"},
       {"POST", create_, body(R"(,"Layers":["arn:aws:lambda:eu-west-1:123456789012:layer:l:1"])"), 400,
        "InvalidParameterValueException", "does not exist"},
       {"POST", create_, body(R"(,"VirgaConfig":{"Network":"wifi"})"), 400, "ValidationException",
        "[none, lo, egress]"},
       {"POST", create_, body(R"(,"VirgaConfig":{"Concurrency":0})"), 400, "ValidationException",
        "virgaConfig.concurrency"},
       {"POST", create_, body(R"(,"PackageType":"Image")"), 400, "InvalidParameterValueException", "container images"},
       {"POST", create_, body(R"(,"DurableConfig":{"ExecutionTimeout":5})"), 400, "InvalidParameterValueException",
        "durable"},
       {"POST", create_, body(R"(,"LoggingConfig":{"LogFormat":"Text","SystemLogLevel":"INFO"})"), 400,
        "InvalidParameterValueException", "JSON"},
       {"POST", create_, body(R"(,"Code":{})"), 400, "InvalidParameterValueException", "ZipFile"},
       {"POST", create_, body(R"(,"Code":{"S3Bucket":"bucket","S3Key":"k"})"), 400, "InvalidParameterValueException",
        "S3Bucket"},
       {"POST", create_, body(R"(,"Code":{"ZipFile":"bm8gemlw"})"), 400, "InvalidParameterValueException",
        "Could not unzip uploaded file"}});
  EXPECT_EQ(world_.send("GET", "/2015-03-31/functions/").text("Functions"), "[]");
}

TEST_F(LambdaRefusals, AnswersForWhatIsNotThere) {
  std::string f = "/2015-03-31/functions/nope";
  std::string arn = "arn:aws:lambda:eu-west-1:123456789012:function:nope";
  for (auto [method, target] :
       {std::pair("GET", f), std::pair("DELETE", f), std::pair("GET", f + "/configuration"),
        std::pair("PUT", f + "/configuration"), std::pair("POST", f + "/invocations"),
        std::pair("POST", f + "/versions"), std::pair("GET", f + "/versions"), std::pair("GET", f + "/aliases"),
        std::pair("GET", f + "/aliases/a"), std::pair("GET", std::string("/2019-09-30/functions/nope/concurrency")),
        std::pair("GET", "/2017-03-31/tags/" + arn)}) {
    auto reply = world_.send(method, target);
    EXPECT_EQ(reply.status, 404) << method << target << reply.body;
    EXPECT_EQ(reply.error_type, "ResourceNotFoundException") << target;
    EXPECT_EQ(reply.message(), "Function not found: " + arn) << target;
  }
}

TEST_F(LambdaRefusals, RefusesPagesThatCannotBe) {
  check({{"GET", create_ + "?MaxItems=0", "", 400, "ValidationException", "'maxItems'"},
         {"GET", create_ + "?MaxItems=10001", "", 400, "ValidationException", "10000"},
         {"GET", create_ + "?MaxItems=x", "", 400, "SerializationException", "'maxItems'"},
         {"GET", create_ + "?FunctionVersion=SOME", "", 400, "ValidationException", "[ALL]"}});
}

}  // namespace
}  // namespace virga::dialects::aws
