#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"

namespace virga::catalog {
namespace {

using model::Alias;
using model::AliasName;
using model::FunctionName;
using model::VersionNumber;
using ::testing::HasSubstr;

// A function with two published versions.
class Aliases : public ::testing::Test {
 protected:
  Aliases() {
    test_.create("hello");
    EXPECT_TRUE(test_.catalog->publish_version(name_));
    EXPECT_TRUE(
        test_.catalog->update_code(name_, {.package = test_.package("two"), .architecture = {}, .revision = {}}));
    EXPECT_TRUE(test_.catalog->publish_version(name_));
  }

  Result<Alias> create(const std::string& alias, std::uint64_t version,
                       std::optional<Alias::Additional> additional = {}) {
    return test_.catalog->create_alias(
        name_,
        {.name = AliasName(alias), .version = VersionNumber(version), .description = "", .additional = additional});
  }
  std::string resolved(std::string_view qualifier, double fraction = 0) {
    Result<Resolved> resolved = test_.catalog->resolve(name_, qualifier, fraction);
    if (!resolved) return std::string(::virga::name(resolved.error().code()));
    return resolved->version->number.text();
  }

  testing::TestCatalog test_;
  FunctionName name_{"hello"};
};

TEST_F(Aliases, RefuseWhatCannotBe) {
  struct {
    std::string alias;
    std::uint64_t version;
    std::optional<Alias::Additional> additional;
    std::string message;
    ErrorCode code = ErrorCode::InvalidArgument;
  } cases[] = {
      {"12", 1, {}, "alias name: '12' would be taken for a version"},
      {"a.b", 1, {}, "alias name: 'a.b' is not allowed"},
      {"a", 7, {}, "has no version 7; publish it first", ErrorCode::NotFound},
      {"a", 1, {{VersionNumber(7), 0.5}}, "has no version 7", ErrorCode::NotFound},
      {"a", 1, {{VersionNumber(2), 1.5}}, "the weight 1.5 is not allowed; choose 0.0 to 1.0"},
      {"a", 1, {{VersionNumber(2), -0.1}}, "the weight -0.1 is not allowed"},
      {"a", 1, {{VersionNumber(2), 0.0 / 0.0}}, "is not allowed; choose 0.0 to 1.0"},
      {"a", 1, {{VersionNumber(1), 0.5}}, "version 1 is named twice"},
      {"a", 0, {{VersionNumber(1), 0.5}}, "$LATEST cannot share calls by weight"},
      {"a", 1, {{VersionNumber(0), 0.5}}, "$LATEST cannot share calls by weight"},
  };
  for (const auto& [alias, version, additional, message, code] : cases) {
    Result<Alias> created = create(alias, version, additional);
    ASSERT_FALSE(created) << message;
    EXPECT_THAT(created.error().message(), HasSubstr(message));
    EXPECT_EQ(created.error().code(), code);
  }
  ASSERT_TRUE(create("live", 1));
  EXPECT_EQ(create("live", 2).error().code(), ErrorCode::AlreadyExists);
}

TEST_F(Aliases, LeadToTheirVersions) {
  ASSERT_TRUE(create("live", 1));
  ASSERT_TRUE(create("newest", 0));
  ASSERT_TRUE(create("shared", 1, Alias::Additional{VersionNumber(2), 0.25}));
  EXPECT_EQ(resolved(""), "$LATEST");
  EXPECT_EQ(resolved("$LATEST"), "$LATEST");
  EXPECT_EQ(resolved("2"), "2");
  EXPECT_EQ(resolved("live"), "1");
  EXPECT_EQ(resolved("newest"), "$LATEST");
  EXPECT_EQ(resolved("shared", 0.24), "2");
  EXPECT_EQ(resolved("shared", 0.25), "1");
  EXPECT_EQ(resolved("shared", 0.99), "1");
  for (const char* missing : {"3", "0", "01", "99999999999999999999999", "nope", "$latest"}) {
    EXPECT_EQ(resolved(missing), "not found") << missing;
  }
  EXPECT_EQ(test_.catalog->resolve(name_, "live", 0)->alias, AliasName("live"));
  EXPECT_EQ(test_.catalog->resolve(name_, "1", 0)->alias, std::nullopt);
}

TEST_F(Aliases, WithWeightZeroOrOneSendEverythingOneWay) {
  ASSERT_TRUE(create("none", 1, Alias::Additional{VersionNumber(2), 0.0}));
  ASSERT_TRUE(create("all", 1, Alias::Additional{VersionNumber(2), 1.0}));
  EXPECT_EQ(resolved("none", 0.0), "1");
  EXPECT_EQ(resolved("all", 0.999999), "2");
}

TEST_F(Aliases, ChangeWhatIsNamedAndNothingElse) {
  Alias first = create("live", 1, Alias::Additional{VersionNumber(2), 0.1}).value();
  UpdateAlias update{.version = {}, .description = "text", .additional = {}, .revision = first.revision};
  Result<Alias> second = test_.catalog->update_alias(name_, first.name, update);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(second->additional, first.additional);
  EXPECT_NE(second->revision, first.revision);
  EXPECT_EQ(test_.catalog->update_alias(name_, first.name, update).error().code(), ErrorCode::PreconditionFailed);
  UpdateAlias clear{
      .version = VersionNumber(2), .description = {}, .additional = std::optional<Alias::Additional>(), .revision = {}};
  Result<Alias> third = test_.catalog->update_alias(name_, first.name, clear);
  ASSERT_TRUE(third) << third.error().message();
  EXPECT_EQ(third->additional, std::nullopt);
  EXPECT_EQ(third->description, "text");
  EXPECT_EQ(test_.catalog->update_alias(name_, AliasName("nope"), {}).error().code(), ErrorCode::NotFound);
}

TEST_F(Aliases, TakeTheirUrlAndAttachmentsAlong) {
  ASSERT_TRUE(create("live", 1));
  ASSERT_TRUE(test_.catalog->create_url(name_, {.alias = AliasName("live"), .cors = {}}));
  ASSERT_TRUE(test_.catalog->attach(name_, {"policy", "live"}, "{}"));
  ASSERT_TRUE(test_.catalog->delete_alias(name_, AliasName("live")));
  FunctionPointer entry = test_.catalog->function(name_).value();
  EXPECT_TRUE(entry->urls.empty());
  EXPECT_TRUE(entry->attachments.empty());
  EXPECT_EQ(test_.catalog->delete_alias(name_, AliasName("live")).error().code(), ErrorCode::NotFound);
}

TEST_F(Aliases, HaveUrlsThatLeadToThem) {
  ASSERT_TRUE(create("live", 2));
  model::UrlConfig plain =
      test_.catalog->create_url(name_, {.alias = {}, .auth = model::UrlAuth::None, .cors = {}}).value();
  model::UrlConfig live = test_.catalog->create_url(name_, {.alias = AliasName("live"), .cors = {}}).value();
  EXPECT_EQ(plain.id.text().size(), 32u);
  EXPECT_NE(plain.id, live.id);
  EXPECT_EQ(test_.catalog->resolve_url(plain.id, 0)->version->number, VersionNumber());
  EXPECT_EQ(test_.catalog->resolve_url(live.id, 0)->version->number, VersionNumber(2));
  EXPECT_EQ(test_.catalog->url(live.id).value(), live);
  EXPECT_EQ(test_.catalog->create_url(name_, {.alias = {}, .cors = {}}).error().code(), ErrorCode::AlreadyExists);
  EXPECT_EQ(test_.catalog->create_url(name_, {.alias = AliasName("nope"), .cors = {}}).error().code(),
            ErrorCode::NotFound);
  EXPECT_EQ(test_.catalog->url(model::UrlId("nope")).error().code(), ErrorCode::NotFound);

  model::Cors cors;
  cors.max_age = std::chrono::seconds(86'401);
  EXPECT_THAT(test_.catalog->update_url(name_, {}, {.auth = {}, .mode = {}, .cors = cors}).error().message(),
              HasSubstr("cors max age: 86401 seconds is not allowed"));
  cors.max_age = std::chrono::seconds(60);
  test_.clock.turn(std::chrono::seconds(1));
  Result<model::UrlConfig> changed =
      test_.catalog->update_url(name_, {}, {.auth = {}, .mode = model::InvokeMode::ResponseStream, .cors = cors});
  ASSERT_TRUE(changed) << changed.error().message();
  EXPECT_EQ(changed->id, plain.id);
  EXPECT_EQ(changed->auth, model::UrlAuth::None);
  EXPECT_GT(changed->modified, changed->created);
  ASSERT_TRUE(test_.open());
  EXPECT_EQ(test_.catalog->url(plain.id).value(), *changed);
  ASSERT_TRUE(test_.catalog->delete_url(name_, {}));
  EXPECT_EQ(test_.catalog->delete_url(name_, {}).error().code(), ErrorCode::NotFound);
  EXPECT_EQ(test_.catalog->url(plain.id).error().code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace virga::catalog
