#include "virga/cli/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "virga/archive/zip_writer.h"
#include "virga/cli/detect.h"
#include "virga/os/file.h"

namespace virga::cli {
namespace {

using testing::HasSubstr;

class Manifests : public testing::Test {
 protected:
  void SetUp() override {
    auto created = os::TemporaryDirectory::create();
    ASSERT_TRUE(created);
    folder_ = std::make_unique<os::TemporaryDirectory>(std::move(*created));
  }
  std::string write(const std::string& name, std::string_view text, unsigned mode = 0644) {
    auto path = folder_->path() + "/" + name;
    EXPECT_TRUE(os::make_directories(path.substr(0, path.rfind('/'))));
    EXPECT_TRUE(os::write_file_durably(path, text, mode));
    return path;
  }
  Result<Manifest> parse(std::string_view text) { return parse_manifest(text, "virga.json", folder_->path()); }

  std::unique_ptr<os::TemporaryDirectory> folder_;
};

struct Refusal {
  const char* text;
  const char* message;
};

TEST_F(Manifests, NamesFileAndMemberOfWhatIsWrong) {
  const Refusal refusals[] = {
      {"", "virga.json:1:1: this is no JSON"},
      {"{\n  \"functions\": {,\n", "virga.json:2:17: this is no JSON"},
      {"{} x", "virga.json:1:4: nothing may follow the closing brace"},
      {"[]", "virga.json: it must be an object, and it is an array"},
      {"{}", "virga.json: functions: it is missing"},
      {R"({"functions":{}})", "virga.json: functions: it names no function"},
      {R"({"functions":[]})", "virga.json: functions: it must be an object of functions by name, and it is an array"},
      {R"({"function":{}})", "virga.json: function: there is no such member here. Known: functions"},
      {R"({"functions":{"a b":{}}})", "virga.json: functions.a b: a function's name has 1 to 64 characters"},
      {R"({"functions":{"a":1}})", "virga.json: functions.a: it must be an object, and it is a number"},
      {R"({"functions":{"a":{"timout":3}}})",
       "virga.json: functions.a.timout: there is no such member here. Known: runt"},
      {R"({"functions":{"a":{"timeout":901}}})", "virga.json: functions.a.timeout: 901 is outside of 1 to 900"},
      {R"({"functions":{"a":{"timeout":1.5}}})",
       "a.timeout: it must be a whole number from 1 to 900, and it is a number"},
      {R"({"functions":{"a":{"memory":"128"}}})",
       "a.memory: it must be a whole number from 128 to 10240, and it is a s"},
      {R"({"functions":{"a":{"memory":64}}})", "functions.a.memory: 64 is outside of 128 to 10240"},
      {R"({"functions":{"a":{"handler":1}}})", "functions.a.handler: it must be a string, and it is a number"},
      {R"({"functions":{"a":{"templates":"off"}}})",
       "functions.a.templates: it must be true or false, and it is a string"},
      {R"({"functions":{"a":{"environment":{"A":1}}}})", "functions.a.environment.A: it must be a string, and it is a"},
      {R"({"functions":{"a":{"url":"NONE"}}})", "functions.a.url: it must be an object such as"},
      {R"({"functions":{"a":{"url":{"auth":"none"}}}})", R"(a.url.auth: 'none' is none of "NONE" or "AWS_IAM")"},
      {R"({"functions":{"a":{"url":{"cors":{}}}}})", "functions.a.url.cors: there is no such member here"},
      {R"({"functions":{"a":{"code":"../x"}}})", "functions.a.code: '../x' must be a path relative to virga.json"},
      {R"({"functions":{"a":{"code":"/etc"}}})", "functions.a.code: '/etc' must be a path relative to virga.json"},
      {R"({"functions":{"a":{"code":"nowhere"}}})", "functions.a.code: there is no file or folder"},
      {R"({"functions":{"a":{}}})", "functions.a.runtime: "},
      {R"({"functions":{"a":{"runtime":"nodejs20.x"}}})", "functions.a.handler: "},
  };
  for (const auto& refusal : refusals) {
    auto manifest = parse(refusal.text);
    ASSERT_FALSE(manifest) << refusal.text;
    EXPECT_EQ(manifest.error().code(), ErrorCode::InvalidArgument) << refusal.text;
    EXPECT_THAT(manifest.error().message(), HasSubstr(refusal.message)) << refusal.text;
  }
}

TEST_F(Manifests, ReadsEveryMember) {
  write("resize/main.js", "");
  auto manifest = parse(R"({"functions": {"resize": {"runtime": "nodejs22.x", "handler": "main.run", "code": "resize",
    "description": "d", "timeout": 10, "memory": 256, "environment": {"WIDTH": "640"},
    "url": {"auth": "NONE", "mode": "RESPONSE_STREAM"}}}})");
  ASSERT_TRUE(manifest) << manifest.error().message();
  ASSERT_EQ(manifest->functions.size(), 1u);
  const auto& function = manifest->functions[0];
  EXPECT_EQ(function.name, "resize");
  EXPECT_EQ(function.runtime, "nodejs22.x");
  EXPECT_EQ(function.handler, "main.run");
  EXPECT_EQ(function.code, folder_->path() + "/resize");
  EXPECT_EQ(function.description, "d");
  EXPECT_EQ(function.timeout, 10);
  EXPECT_EQ(function.memory, 256);
  EXPECT_EQ(function.environment->at("WIDTH"), "640");
  EXPECT_EQ(function.url, (UrlManifest{UrlAuth::None, UrlMode::ResponseStream}));
  EXPECT_FALSE(function.remove_url);
}

TEST_F(Manifests, FillsInWhatIsLeftOut) {
  write("index.mjs", "");
  auto manifest = parse(R"({"functions": {"a": {}, "b": {"runtime": "nodejs18.x", "url": {}}}})");
  ASSERT_TRUE(manifest) << manifest.error().message();
  const auto& a = manifest->functions[0];
  EXPECT_EQ(a.runtime, "nodejs20.x");
  EXPECT_EQ(a.handler, "index.handler");
  EXPECT_EQ(a.timeout, 3);
  EXPECT_EQ(a.memory, 128);
  EXPECT_TRUE(a.remove_url);
  EXPECT_EQ(manifest->functions[1].runtime, "nodejs18.x");
  EXPECT_EQ(manifest->functions[1].url, UrlManifest());
}

TEST_F(Manifests, AFolderWithoutOneIsAFunction) {
  write("my-function/app.py", "def lambda_handler(event, context):\n  pass\n");
  auto manifest = read_manifest(folder_->path() + "/my-function/");
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_TRUE(manifest->is_detected);
  EXPECT_EQ(manifest->functions[0].name, "my-function");
  EXPECT_EQ(manifest->functions[0].handler, "app.lambda_handler");
  EXPECT_FALSE(manifest->functions[0].timeout);
}

TEST_F(Manifests, AFolderWhoseNameFitsNoFunctionNeedsAName) {
  write("my function/app.py", "");
  auto manifest = read_manifest(folder_->path() + "/my function");
  ASSERT_FALSE(manifest);
  EXPECT_THAT(manifest.error().message(), HasSubstr("'my function' cannot name a function"));
  EXPECT_THAT(manifest.error().message(), HasSubstr("--name"));
}

struct Example {
  const char* file;
  const char* text;
  unsigned mode;
  const char* runtime;
  const char* handler;
};

TEST_F(Manifests, DetectsEachKindOfCode) {
  const Example examples[] = {
      {"bootstrap", "#!/bin/sh\n", 0755, "provided.al2023", "bootstrap"},
      {"index.mjs", "", 0644, "nodejs20.x", "index.handler"},
      {"index.js", "", 0644, "nodejs20.x", "index.handler"},
      {"index.cjs", "", 0644, "nodejs20.x", "index.handler"},
      {"package.json", R"({"main": "./dist/main.js"})", 0644, "nodejs20.x", "dist/main.handler"},
      {"lambda_function.py", "", 0644, "python3.11", "lambda_function.lambda_handler"},
      {"app.py", "def handler(e, c): pass", 0644, "python3.11", "app.handler"},
  };
  int number = 0;
  for (const auto& example : examples) {
    auto folder = std::to_string(++number);
    write(folder + "/" + example.file, example.text, example.mode);
    auto found = detect(folder_->path() + "/" + folder);
    ASSERT_TRUE(found) << example.file << ": " << found.error().message();
    EXPECT_EQ(found->runtime, example.runtime) << example.file;
    EXPECT_EQ(found->handler, example.handler) << example.file;
  }
}

TEST_F(Manifests, DetectsInsideOfAnArchive) {
  archive::ZipWriter writer;
  ASSERT_TRUE(writer.add_file("bootstrap", "#!/bin/sh\n", archive::ZipWriter::Executable::Yes));
  auto zip = std::move(writer).finish();
  ASSERT_TRUE(zip);
  auto found = detect(write("code.zip", *zip));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->runtime, "provided.al2023");

  auto broken = detect(write("broken.zip", "PK nothing"));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), ErrorCode::InvalidArgument);
}

TEST_F(Manifests, SaysWhatItLookedForWhenNothingFits) {
  write("README", "");
  auto found = detect(folder_->path());
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), HasSubstr("index.mjs"));
  EXPECT_THAT(found.error().message(), HasSubstr("--runtime"));
}

}  // namespace
}  // namespace virga::cli
