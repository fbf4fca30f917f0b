#include "virga/runtime/prepared.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "virga/base/clock.h"
#include "virga/os/file.h"
#include "virga/runtime/plan.h"

namespace virga::runtime {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// A runtime whose interpreter is /bin/true.
class PreparedTest : public ::testing::Test {
 protected:
  PreparedTest() : directory_(std::move(*os::TemporaryDirectory::create())) {}

  Runtime load(const std::string& scope) {
    EXPECT_TRUE(os::make_directories(path() + "/kind"));
    EXPECT_TRUE(os::write_file_durably(
        path() + "/kind/runtime.json",
        R"({"name":"kind","identifiers":["kind1"],"contract":"frames","interpreters":["/bin/true"],"needs":["lib/part"],)"
        R"("arguments":["${interpreter}","-archive=${prepared}/x","-memory=${memory_mb}m"],)"
        R"("prepare_package":["${interpreter}","make"],"prepared_scope":")" +
            scope + R"("})"));
    auto loaded = Runtimes::load(path());
    EXPECT_TRUE(loaded);
    return *loaded->find("kind1");
  }

  static model::Version version(const std::string& handler) {
    model::Version version;
    version.config.runtime = "kind1";
    version.config.handler = handler;
    version.config.memory = model::mebibytes(192);
    version.package.id = model::PackageId("p");
    version.layer_packages = {{model::PackageId("l"), {}}};
    return version;
  }

  const std::string& path() const { return directory_.path(); }

  os::TemporaryDirectory directory_;
};

TEST_F(PreparedTest, NamesAFolderForEachPackageOrForEachFunction) {
  auto by_package = load("package");
  EXPECT_EQ(prepared_folder(version("a"), by_package), "/.virga/kind-" + by_package.identity);
  EXPECT_EQ(prepared_folder(version("b"), by_package), prepared_folder(version("a"), by_package));

  auto by_function = load("function");
  auto other_layers = version("a");
  other_layers.layer_packages.clear();
  EXPECT_NE(prepared_folder(version("a"), by_function), prepared_folder(version("b"), by_function));
  EXPECT_NE(prepared_folder(version("a"), by_function), prepared_folder(other_layers, by_function));
  EXPECT_EQ(prepared_folder(version("a"), by_function), prepared_folder(version("a"), by_function));

  by_function.prepare.clear();
  EXPECT_EQ(prepared_folder(version("a"), by_function), "");
}

TEST_F(PreparedTest, KnowsWhatAnotherInterpreterMade) {
  auto runtime = load("package");
  auto name = prepared_folder(version("a"), runtime).substr(kPreparedFolder.size() + 1);
  EXPECT_FALSE(is_outdated(name, runtime));
  EXPECT_FALSE(is_outdated(name + "-0123456789abcdef", runtime));
  EXPECT_TRUE(is_outdated("kind-0000000000000000", runtime));
  EXPECT_FALSE(is_outdated("other-0000000000000000", runtime));

  EXPECT_TRUE(os::write_file_durably(path() + "/kind/more", "one file more in the runtime's folder"));
  EXPECT_TRUE(is_outdated(name, load("package")));
}

TEST_F(PreparedTest, LeavesOutArgumentsForWhatIsNotThere) {
  auto runtime = load("package");
  auto shared = std::make_shared<const model::Version>(version("a"));
  CodeFolders folders{path() + "/code", {}};
  auto plan = make_plan(shared, runtime, {}, folders, {}, system_clock());
  EXPECT_THAT(plan.spec.arguments, ::testing::ElementsAre("/bin/true", "-memory=192m"));
  EXPECT_FALSE(plan.starts_prepared);

  auto folder = prepared_folder(*shared, runtime);
  EXPECT_TRUE(os::make_directories(folders.code + folder));
  plan = make_plan(shared, runtime, {}, folders, {}, system_clock());
  EXPECT_THAT(plan.spec.arguments, Contains("-archive=/var/task" + folder + "/x"));
  EXPECT_TRUE(plan.starts_prepared);
  EXPECT_THAT(plan.bind, HasSubstr(R"("prepared":"/.virga/kind-)"));
}

TEST_F(PreparedTest, SaysWhichFileOfARuntimeIsMissing) {
  EXPECT_THAT(load("package").missing, HasSubstr("/kind/lib/part, which is not there: make it with "));
  EXPECT_TRUE(os::make_directories(path() + "/kind/lib"));
  EXPECT_TRUE(os::write_file_durably(path() + "/kind/lib/part", ""));
  EXPECT_EQ(load("package").missing, "");
}

}  // namespace
}  // namespace virga::runtime
