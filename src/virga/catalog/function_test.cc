#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"

namespace virga::catalog {
namespace {

using model::FunctionName;
using model::RevisionId;
using model::VersionNumber;
using ::testing::HasSubstr;
using testing::TestCatalog;

const FunctionName kName("hello");

template <typename T>
void expect_error(const Result<T>& result, ErrorCode code, const std::string& message) {
  SCOPED_TRACE(message);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), code) << result.error().message();
  EXPECT_THAT(result.error().message(), HasSubstr(message));
}

UpdateConfig set_description(const std::string& text) {
  return {.change = [text](model::FunctionConfig& config) -> Result<> {
            config.description = text;
            return {};
          },
          .revision = {}};
}

TEST(Function, IsThereOnceCreated) {
  TestCatalog test;
  CreateFunction request = test.request("hello");
  request.tags = {{"team", "a"}};
  Result<VersionPointer> created = test.catalog->create_function(request);
  ASSERT_TRUE(created) << created.error().message();
  EXPECT_TRUE((*created)->number.is_latest());
  EXPECT_EQ((*created)->config, request.config);
  EXPECT_EQ((*created)->package.id, request.package);
  EXPECT_GT((*created)->package.archive_size.count, 0u);
  EXPECT_EQ((*created)->revision.text().size(), 36u);
  EXPECT_EQ((*created)->last_modified, test.clock.wall());
  Result<FunctionPointer> entry = test.catalog->function(kName);
  ASSERT_TRUE(entry);
  EXPECT_EQ((*entry)->latest, *created);
  EXPECT_EQ((*entry)->function.tags.at("team"), "a");
  expect_error(test.catalog->create_function(request), ErrorCode::AlreadyExists, "function already exists: 'hello'");
  expect_error(test.catalog->function(FunctionName("nope")), ErrorCode::NotFound, "function not found: 'nope'");
}

TEST(Function, IsRefusedWithWrongSettings) {
  TestCatalog test;
  struct {
    std::function<void(CreateFunction&)> change;
    std::string message;
  } cases[] = {
      {[](auto& r) { r.name = FunctionName(""); }, "function name: '' is not allowed; use 1 to 64"},
      {[](auto& r) { r.name = FunctionName("a/b"); }, "function name: 'a/b' is not allowed"},
      {[](auto& r) { r.name = FunctionName(std::string(65, 'a')); }, "function name"},
      {[](auto& r) { r.config.runtime = ""; }, "runtime: it is missing"},
      {[](auto& r) { r.config.handler = "a b"; }, "handler: 'a b' holds a space"},
      {[](auto& r) { r.config.handler = std::string(129, 'a'); },
       "handler: it is 129 characters long, allowed are 128"},
      {[](auto& r) { r.config.description = std::string(257, 'a'); }, "description: it is 257 characters long"},
      {[](auto& r) { r.config.timeout = std::chrono::seconds(0); },
       "timeout: 0 seconds is not allowed; choose 1 to 5400"},
      {[](auto& r) { r.config.memory = model::mebibytes(127); },
       "memory: 127 MB is not allowed; choose 128 to 32768 MB"},
      {[](auto& r) { r.config.ephemeral_storage = model::mebibytes(1); }, "ephemeral storage: 1 MB"},
      {[](auto& r) { r.config.environment["1A"] = "x"; }, "environment: the name '1A' is not allowed"},
      {[](auto& r) { r.config.environment["A=B"] = "x"; }, "environment: the name 'A=B' is not allowed"},
      {[](auto& r) { r.config.environment["A"] = std::string("\0", 1); }, "the value of 'A' holds a NUL byte"},
      {[](auto& r) { r.config.environment["A"] = std::string(4096, 'x'); }, "4097 bytes together, allowed are 4096"},
      {[](auto& r) { r.config.environment["A"] = "\xff"; }, "function 'hello': environment: the text is not UTF-8"},
      {[](auto& r) { r.config.layers = {{model::LayerName("l"), 1}}; }, "no version 1 of a layer 'l'"},
      {[](auto& r) { r.config.logging.system_level = model::LogLevel::Info; }, "levels need the format JSON"},
      {[](auto& r) { r.config.logging.group = "a b"; }, "logging: the group 'a b'"},
      {[](auto& r) { r.tags["aws:x"] = "1"; }, "tags: the key 'aws:x' begins with 'aws:'"},
      {[](auto& r) { r.tags[""] = "1"; }, "tags: a key is empty"},
  };
  for (const auto& [change, message] : cases) {
    CreateFunction request = test.request("hello");
    change(request);
    expect_error(test.catalog->create_function(request), ErrorCode::InvalidArgument, message);
  }
  CreateFunction request = test.request("hello");
  request.package = model::PackageId(std::string(64, 'a'));
  expect_error(test.catalog->create_function(request), ErrorCode::NotFound, "upload the archive first");
  EXPECT_TRUE(test.catalog->functions("", 10).items.empty());
}

TEST(Function, ChangesItsCodeAndRevision) {
  TestCatalog test;
  VersionPointer first = test.create("hello");
  test.clock.turn(std::chrono::seconds(1));
  model::PackageId other = test.package("other");
  UpdateCode dry{.package = other, .architecture = {}, .revision = {}, .dry_run = DryRun::Yes};
  ASSERT_TRUE(test.catalog->update_code(kName, dry));
  EXPECT_EQ(test.catalog->function(kName).value()->latest, first);

  UpdateCode update{.package = other, .architecture = model::Architecture::Arm64, .revision = first->revision};
  Result<VersionPointer> second = test.catalog->update_code(kName, update);
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ((*second)->package.id, other);
  EXPECT_EQ((*second)->config.architecture, model::Architecture::Arm64);
  EXPECT_NE((*second)->revision, first->revision);
  EXPECT_GT((*second)->last_modified, first->last_modified);
  expect_error(test.catalog->update_code(kName, update), ErrorCode::PreconditionFailed, "is not the current one");
  expect_error(test.catalog->update_code(FunctionName("nope"), update), ErrorCode::NotFound, "'nope'");
}

TEST(Function, ChangesItsSettingsOrNothing) {
  TestCatalog test;
  VersionPointer first = test.create("hello");
  UpdateConfig wrong{.change = [](model::FunctionConfig& config) -> Result<> {
                       config.timeout = std::chrono::seconds(99999);
                       return {};
                     },
                     .revision = {}};
  expect_error(test.catalog->update_config(kName, wrong), ErrorCode::InvalidArgument, "timeout: 99999 seconds");
  UpdateConfig failing{.change = [](model::FunctionConfig&) -> Result<> { return fail(ErrorCode::Conflict, "no"); },
                       .revision = {}};
  expect_error(test.catalog->update_config(kName, failing), ErrorCode::Conflict, "no");
  EXPECT_EQ(test.catalog->function(kName).value()->latest, first);
  ASSERT_TRUE(test.catalog->update_config(kName, set_description("new")));
  EXPECT_EQ(test.catalog->function(kName).value()->latest->config.description, "new");
}

TEST(Function, ChangesItsCodeAndSettingsAtOnceOrNeither) {
  TestCatalog test;
  VersionPointer first = test.create("hello");
  std::vector<VersionPointer> seen;
  auto watching = test.catalog->watch([&](const Change& change) { seen.push_back(change.after->latest); });
  UpdateFunction wrong{.package = test.package("other"),
                       .architecture = {},
                       .change = [](model::FunctionConfig& config) -> Result<> {
                         config.timeout = std::chrono::seconds(99999);
                         return {};
                       },
                       .revision = {}};
  expect_error(test.catalog->update_function(kName, wrong), ErrorCode::InvalidArgument, "timeout: 99999 seconds");
  EXPECT_EQ(test.catalog->function(kName).value()->latest, first);

  UpdateFunction both = wrong;
  both.change = set_description("new").change;
  ASSERT_TRUE(test.catalog->update_function(kName, both));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0]->package.id, *both.package);
  EXPECT_EQ(seen[0]->config.description, "new");
}

TEST(Function, IsNotChangedWhileAChangeIsUnderWay) {
  TestCatalog test;
  CreateFunction request = test.request("hello");
  request.state = model::FunctionState::Pending;
  Result<VersionPointer> created = test.catalog->create_function(request);
  ASSERT_TRUE(created);
  EXPECT_EQ((*created)->state_reason.code, "Creating");
  expect_error(test.catalog->update_config(kName, set_description("x")), ErrorCode::Conflict, "is being created");
  Result<VersionPointer> active = test.catalog->set_state(
      kName, {}, {.state = model::FunctionState::Active, .state_reason = {}, .update_status = {}, .update_reason = {}});
  ASSERT_TRUE(active);
  EXPECT_EQ((*active)->revision, (*created)->revision);
  EXPECT_EQ((*active)->state_reason.code, "");
  ASSERT_TRUE(test.catalog->set_state(
      kName, {},
      {.state = {}, .state_reason = {}, .update_status = model::UpdateStatus::InProgress, .update_reason = {}}));
  expect_error(test.catalog->publish_version(kName), ErrorCode::Conflict, "an update is in progress");
  expect_error(test.catalog->set_state(kName, VersionNumber(7), {}), ErrorCode::NotFound, "has no version 7");
}

TEST(Version, IsPublishedOnceForTheSameCodeAndSettings) {
  TestCatalog test;
  VersionPointer latest = test.create("hello");
  Result<VersionPointer> first =
      test.catalog->publish_version(kName, {.description = "one", .code_sha256 = {}, .revision = {}});
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ((*first)->number, VersionNumber(1));
  EXPECT_EQ((*first)->config.description, "one");
  EXPECT_EQ(test.catalog->publish_version(kName).value(), *first);
  ASSERT_TRUE(test.catalog->update_code(kName, {.package = test.package("other"), .architecture = {}, .revision = {}}));
  EXPECT_EQ(test.catalog->publish_version(kName).value()->number, VersionNumber(2));
  EXPECT_EQ((*first)->package, latest->package);
  expect_error(test.catalog->publish_version(kName, {.description = {}, .code_sha256 = "AAAA", .revision = {}}),
               ErrorCode::PreconditionFailed, "the code's SHA-256 is");
  expect_error(
      test.catalog->publish_version(kName, {.description = {}, .code_sha256 = {}, .revision = RevisionId("x")}),
      ErrorCode::PreconditionFailed, "revision 'x'");
}

TEST(Version, IsPublishedWithTheChangeThatMakesIt) {
  TestCatalog test;
  CreateFunction request = test.request("hello");
  request.publish = Publish::Yes;
  EXPECT_EQ(test.catalog->create_function(request).value()->number, VersionNumber(1));
  UpdateCode update{.package = test.package("other"), .architecture = {}, .revision = {}, .publish = Publish::Yes};
  EXPECT_EQ(test.catalog->update_code(kName, update).value()->number, VersionNumber(2));
}

TEST(Version, NeverReusesANumber) {
  TestCatalog test;
  test.create("hello");
  ASSERT_TRUE(test.catalog->publish_version(kName));
  ASSERT_TRUE(test.catalog->delete_version(kName, VersionNumber(1)));
  EXPECT_EQ(test.catalog->publish_version(kName).value()->number, VersionNumber(2));
  ASSERT_TRUE(test.catalog->delete_function(kName));
  expect_error(test.catalog->function(kName), ErrorCode::NotFound, "hello");
  ASSERT_TRUE(test.open());
  test.create("hello");
  EXPECT_EQ(test.catalog->publish_version(kName).value()->number, VersionNumber(3));
  ASSERT_TRUE(test.open());
  EXPECT_EQ(test.catalog->function(kName).value()->next_version, 4u);
}

TEST(Version, IsNotDeletedUnderAnAlias) {
  TestCatalog test;
  test.create("hello");
  ASSERT_TRUE(test.catalog->publish_version(kName));
  ASSERT_TRUE(test.catalog->create_alias(kName, {.name = model::AliasName("live"), .version = VersionNumber(1)}));
  expect_error(test.catalog->delete_version(kName, VersionNumber(1)), ErrorCode::Conflict,
               "in use by the alias 'live'");
  expect_error(test.catalog->delete_version(kName, VersionNumber()), ErrorCode::InvalidArgument,
               "$LATEST cannot be deleted");
  expect_error(test.catalog->delete_version(kName, VersionNumber(9)), ErrorCode::NotFound, "no version '9'");
  ASSERT_TRUE(test.catalog->delete_alias(kName, model::AliasName("live")));
  EXPECT_TRUE(test.catalog->delete_version(kName, VersionNumber(1)));
}

TEST(Functions, AreListedInPages) {
  TestCatalog test;
  for (const char* name : {"c", "a", "d", "b", "e"}) test.create(name);
  std::string names, marker;
  int pages = 0;
  do {
    Page<FunctionPointer> page = test.catalog->functions(marker, 2);
    for (const FunctionPointer& entry : page.items) names += entry->function.name.text();
    marker = page.next_marker;
    ++pages;
  } while (!marker.empty());
  EXPECT_EQ(names, "abcde");
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(test.catalog->functions("", 5).next_marker, "");
}

TEST(Watch, SeesEachChangeUntilItEnds) {
  TestCatalog test;
  std::vector<std::string> seen;
  {
    Watch watch = test.catalog->watch([&](const Change& change) {
      std::string kind = !change.before ? "new " : !change.after ? "gone " : "changed ";
      seen.push_back(kind + change.name.text());
      EXPECT_EQ(test.catalog->function(change.name).has_value(), change.after != nullptr);
    });
    test.create("hello");
    ASSERT_TRUE(test.catalog->update_config(kName, set_description("x")));
    ASSERT_FALSE(test.catalog->update_config(FunctionName("nope"), set_description("x")));
    ASSERT_TRUE(test.catalog->delete_function(kName));
  }
  test.create("other");
  EXPECT_THAT(seen, ::testing::ElementsAre("new hello", "changed hello", "gone hello"));
}

TEST(Catalog, ChangesNothingIfTheStoreRefuses) {
  TestCatalog test;
  VersionPointer first = test.create("hello");
  CreateFunction request = test.request("other");
  test.store.fail_commits(Error(ErrorCode::Unavailable, "the disk is broken"));
  expect_error(test.catalog->update_config(kName, set_description("x")), ErrorCode::Unavailable, "the disk is broken");
  expect_error(test.catalog->create_function(request), ErrorCode::Unavailable, "the disk is broken");
  EXPECT_FALSE(test.catalog->delete_function(kName));
  EXPECT_EQ(test.catalog->function(kName).value()->latest, first);
  EXPECT_EQ(test.catalog->functions("", 10).items.size(), 1u);
}

// ---- going back ----

TEST(Function, GoesBackToWhatItWasBeforeItsLastChangeAndForwardAgain) {
  TestCatalog test;
  auto first = test.create("hello");
  expect_error(test.catalog->roll_back(kName), ErrorCode::Conflict, "there is nothing to go back to");
  ASSERT_TRUE(
      test.catalog->update_code(kName, {.package = test.package("second"), .architecture = {}, .revision = {}}));
  auto second = test.catalog->function(kName).value()->latest;
  auto done = test.catalog->roll_back(kName);
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->from, second);
  EXPECT_EQ(done->to->package, first->package);
  auto entry = test.catalog->function(kName).value();
  EXPECT_EQ(entry->latest->package, first->package);
  EXPECT_EQ(entry->latest->revision, first->revision) << "it is that very state";
  ASSERT_TRUE(test.open());
  ASSERT_TRUE(test.catalog->roll_back(kName)) << "and after a restart";
  EXPECT_EQ(test.catalog->function(kName).value()->latest->package, second->package);
}

TEST(Function, AChangeThatChangesNothingLeavesWhatThereIsToGoBackTo) {
  TestCatalog test;
  auto first = test.create("hello");
  ASSERT_TRUE(test.catalog->update_config(kName, set_description("newer")));
  ASSERT_TRUE(test.catalog->update_config(kName, set_description("newer")));
  ASSERT_TRUE(test.catalog->roll_back(kName));
  EXPECT_EQ(test.catalog->function(kName).value()->latest->config.description, first->config.description);
}

TEST(Function, KeepsThePackageItMayGoBackTo) {
  TestCatalog test;
  auto first = test.create("hello");
  ASSERT_TRUE(
      test.catalog->update_code(kName, {.package = test.package("second"), .architecture = {}, .revision = {}}));
  test.clock.turn(std::chrono::hours(2));
  auto nobody = [](const model::PackageId&) { return false; };
  EXPECT_EQ(test.catalog->collect_packages(test.clock.wall(), nobody).value(), 0u);
  ASSERT_TRUE(test.catalog->update_code(kName, {.package = test.package("third"), .architecture = {}, .revision = {}}));
  test.clock.turn(std::chrono::hours(2));
  EXPECT_EQ(test.catalog->collect_packages(test.clock.wall(), nobody).value(), 1u);
}

TEST(Function, DeletingItDeletesWhatItWas) {
  TestCatalog test;
  (void)test.create("hello");
  ASSERT_TRUE(test.catalog->update_config(kName, set_description("newer")));
  ASSERT_TRUE(test.catalog->delete_function(kName));
  ASSERT_TRUE(test.open()) << "no record is left over";
}

}  // namespace
}  // namespace virga::catalog
