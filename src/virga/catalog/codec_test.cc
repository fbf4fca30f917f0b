#include "virga/catalog/internal/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace virga::catalog::internal {
namespace {

using ::testing::HasSubstr;

template <typename Record>
Record there_and_back(const Record& record) {
  Result<std::string> bytes = encode(record);
  EXPECT_TRUE(bytes) << bytes.error().message();
  Result<Record> back = decode<Record>(*bytes);
  EXPECT_TRUE(back) << back.error().message() << *bytes;
  return *back;
}

model::Version full_version() {
  model::Version version;
  version.function = model::FunctionName("hello");
  version.number = model::VersionNumber(12);
  version.config = {.runtime = "python3.11",
                    .handler = "app.run",
                    .role = "arn:aws:iam::000000000000:role/x",
                    .description = "é \"quoted\" \n",
                    .timeout = std::chrono::seconds(900),
                    .memory = model::mebibytes(1024),
                    .ephemeral_storage = model::mebibytes(10240),
                    .environment = {{"A", ""}, {"B", "\x01"}},
                    .layers = {{model::LayerName("l"), 3}},
                    .architecture = model::Architecture::Arm64,
                    .tracing = model::TracingMode::Active,
                    .logging = {model::LogFormat::Json, model::LogLevel::Fatal, model::LogLevel::Warn, "group"},
                    .network = model::NetworkMode::Egress,
                    .concurrency = 80,
                    .opaque = {{"VpcConfig", R"({"SubnetIds":[]})"}}};
  version.package = {model::PackageId(std::string(64, 'a')), model::Bytes{1ull << 40}};
  version.layer_packages = {{model::PackageId(std::string(64, 'b')), model::Bytes{1}}};
  version.state = model::FunctionState::Failed;
  version.state_reason = {"text", "code"};
  version.update_status = model::UpdateStatus::InProgress;
  version.update_reason = {"other", ""};
  version.revision = model::RevisionId("r");
  version.last_modified = WallTime(std::chrono::milliseconds(1'700'000'000'123));
  return version;
}

TEST(Codec, BringsEveryMemberBack) {
  EXPECT_EQ(there_and_back(full_version()), full_version());

  model::Alias alias{.function = model::FunctionName("f"),
                     .name = model::AliasName("a"),
                     .version = model::VersionNumber(1),
                     .description = "d",
                     .additional = model::Alias::Additional{model::VersionNumber(2), 0.1 + 0.2},
                     .revision = model::RevisionId("r")};
  EXPECT_EQ(there_and_back(alias), alias);
  alias.additional.reset();
  EXPECT_EQ(there_and_back(alias), alias);

  model::UrlConfig url;
  url.id = model::UrlId("u");
  url.alias = model::AliasName("a");
  url.mode = model::InvokeMode::ResponseStream;
  url.cors = model::Cors{.allow_credentials = true,
                         .allow_headers = {"h"},
                         .allow_methods = {"GET"},
                         .allow_origins = {"*"},
                         .expose_headers = {"x"},
                         .max_age = std::chrono::seconds(5)};
  EXPECT_EQ(there_and_back(url), url);

  FunctionRecord record{{model::FunctionName("f"), WallTime(), {{"k", "v"}}, 0u}, 5};
  EXPECT_EQ(there_and_back(record).function, record.function);
  EXPECT_EQ(there_and_back(record).next_version, 5u);
}

TEST(Codec, ReadsRecordsOfAnotherAge) {
  // Members this virga does not know, and without some it does.
  Result<model::Alias> alias = decode<model::Alias>(R"({"format":1,"name":"a","future":[{}]})");
  ASSERT_TRUE(alias) << alias.error().message();
  EXPECT_EQ(alias->name.text(), "a");
  EXPECT_EQ(alias->description, "");
}

TEST(Codec, SaysWhatIsDamaged) {
  struct {
    std::string bytes, message;
  } cases[] = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"{}", "its format is missing"},
      {R"({"format":"1"})", "its format is missing"},
      {R"({"format":0})", "its format is 0, this virga reads 1"},
      {R"({"format":1,"config":{"timeout_seconds":"x"}})", "its member 'config'"},
      {R"({"format":1,"state":"unheard-of"})", "its member 'state'"},
      {R"({"format":1,"version":-1})", "its member 'version'"},
      {R"({"format":1,"last_modified_ms":1.5})", "its member 'last_modified_ms'"},
  };
  for (const auto& [bytes, message] : cases) {
    Result<model::Version> version = decode<model::Version>(bytes);
    ASSERT_FALSE(version) << bytes;
    EXPECT_EQ(version.error().code(), ErrorCode::DataLoss);
    EXPECT_THAT(version.error().message(), HasSubstr(message));
  }
}

TEST(Codec, TakesARecordOfANewerVirgaForNeitherDamagedNorItsOwn) {
  Result<model::Version> version = decode<model::Version>(R"({"format":2})");
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code(), ErrorCode::Unimplemented);
  EXPECT_EQ(version.error().message(), "its format is 2, this virga reads 1 [VIRGA0007]");
}

TEST(Codec, RefusesToWriteWhatItCouldNotRead) {
  model::Version version;
  version.config.opaque["x"] = "\xc3\x28";
  Result<std::string> bytes = encode(version);
  ASSERT_FALSE(bytes);
  EXPECT_THAT(bytes.error().message(), HasSubstr("opaque: the text is not UTF-8"));
}

}  // namespace
}  // namespace virga::catalog::internal
