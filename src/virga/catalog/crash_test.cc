// A process that changes the catalog is killed at random moments, a hundred times. Whatever it had told us it had done
// is there afterwards, and nothing is there by half.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "virga/catalog/catalog.h"
#include "virga/catalog/testing/test_catalog.h"
#include "virga/os/socket.h"
#include "virga/store/rocksdb/rocksdb_store.h"

namespace virga::catalog {
namespace {

using model::AliasName;
using model::FunctionName;

struct Opened {
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::BlobStore> blobs;
  std::unique_ptr<Catalog> catalog;
};

Result<Opened> open(const std::string& data) {
  Opened opened;
  VIRGA_TRY_ASSIGN(opened.store, store::open_rocksdb(data));
  VIRGA_TRY_ASSIGN(store::BlobStore blobs, store::BlobStore::open(data + "/blobs"));
  opened.blobs = std::make_unique<store::BlobStore>(std::move(blobs));
  VIRGA_TRY_ASSIGN(opened.catalog,
                   Catalog::open({*opened.store, *opened.blobs, system_clock(), system_random(), data + "/packages"}));
  return opened;
}

// Changes without end: a function is created with a published version and an alias, renewed, and every third is
// deleted. After each step its number goes to the pipe: the acknowledgement.
[[noreturn]] void mutate(const std::string& data, std::uint64_t step, int acknowledgements) {
  Result<Opened> opened = open(data);
  if (!opened) ::_exit(2);
  Catalog& catalog = *opened->catalog;
  archive::ZipWriter writer;
  (void)writer.add_file("index.js", "x");
  Result<model::Package> package = catalog.add_package(std::move(writer).finish().value());
  if (!package) ::_exit(3);
  for (;; ++step) {
    FunctionName name("f" + std::to_string(step / 3));
    Result<> done;
    if (step % 3 == 0) {
      CreateFunction request;
      request.name = name;
      request.config.runtime = "nodejs20.x";
      request.package = package->ref.id;
      request.publish = Publish::Yes;
      request.tags = {{"step", std::to_string(step)}};
      // A step that was done but not acknowledged is taken again.
      Result<VersionPointer> created = catalog.create_function(request);
      if (!created && created.error().code() != ErrorCode::AlreadyExists) done = fail(created.error());
    } else if (step % 3 == 1) {
      Result<model::Alias> alias =
          catalog.create_alias(name, {.name = AliasName("live"), .version = model::VersionNumber(1)});
      if (!alias && alias.error().code() != ErrorCode::AlreadyExists) done = fail(alias.error());
    } else if (step % 9 == 8) {
      Result<> deleted = catalog.delete_function(name);
      if (!deleted && deleted.error().code() != ErrorCode::NotFound) done = deleted;
    } else {
      done = catalog.tag_function(name, {{"done", "yes"}});
    }
    if (!done) ::_exit(4);
    if (::write(acknowledgements, &step, sizeof(step)) != sizeof(step)) ::_exit(5);
  }
}

// Everything up to the last acknowledged step is there; of the next one all or nothing.
void expect_consistent(Catalog& catalog, std::uint64_t steps_done) {
  for (std::uint64_t i = 0; i * 3 < steps_done + 1; ++i) {
    FunctionName name("f" + std::to_string(i));
    bool created = i * 3 < steps_done, aliased = i * 3 + 1 < steps_done, ended = i * 3 + 2 < steps_done;
    bool maybe_ended = i * 3 + 2 <= steps_done;
    bool is_deleted_in_the_end = (i * 3 + 2) % 9 == 8;
    Result<FunctionPointer> entry = catalog.function(name);
    if (is_deleted_in_the_end && ended) {
      EXPECT_FALSE(entry) << name.text();
      continue;
    }
    if (!entry) {
      EXPECT_TRUE(!created || (is_deleted_in_the_end && maybe_ended)) << name.text();
      continue;
    }
    EXPECT_EQ((*entry)->published.size(), 1u) << name.text();
    EXPECT_EQ((*entry)->next_version, 2u);
    EXPECT_EQ((*entry)->function.tags.at("step"), std::to_string(i * 3));
    if (aliased) {
      EXPECT_TRUE((*entry)->aliases.contains(AliasName("live"))) << name.text();
    }
    if (ended) {
      EXPECT_TRUE((*entry)->function.tags.contains("done")) << name.text();
    }
  }
}

TEST(CatalogCrash, LosesNothingThatWasAcknowledged) {
  Result<os::TemporaryDirectory> directory = os::TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  std::string data = directory->path() + "/data";
  std::uint64_t steps_done = 0;
  std::mt19937 random(20261123);
  // A hundred rounds take a few seconds; on a slow disk fewer have to do.
  constexpr int kRounds = 100;
  SteadyTime end = system_clock().steady() + std::chrono::seconds(25);
  int round = 0;
  for (; round < kRounds && system_clock().steady() < end && !::testing::Test::HasFailure(); ++round) {
    os::Pipe pipe = os::make_pipe().value();
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) mutate(data, steps_done, pipe.writer.get());
    pipe.writer.reset();
    // Killed after some acknowledgements and a moment more, so that it hits every place.
    std::uint64_t wanted = random() % 12, step = 0;
    for (std::uint64_t i = 0; i <= wanted; ++i) {
      ASSERT_EQ(::read(pipe.reader.get(), &step, sizeof(step)), static_cast<ssize_t>(sizeof(step)));
      ASSERT_EQ(step, steps_done++);
    }
    ::usleep(random() % 1500);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    while (::read(pipe.reader.get(), &step, sizeof(step)) == static_cast<ssize_t>(sizeof(step)))
      ASSERT_EQ(step, steps_done++);

    if (round % 5 != 4) continue;  // the child of the next round opens it as well
    // In a process of its own: RocksDB's threads would not be there in children forked later.
    pid_t checker = ::fork();
    ASSERT_GE(checker, 0);
    if (checker == 0) {
      Result<Opened> opened = open(data);
      EXPECT_TRUE(opened) << opened.error().message();
      if (opened) expect_consistent(*opened->catalog, steps_done);
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    ASSERT_EQ(::waitpid(checker, &status, 0), checker);
    ASSERT_EQ(status, 0) << "after " << steps_done << " steps";
  }
  EXPECT_GE(steps_done, static_cast<std::uint64_t>(round));
  EXPECT_GE(round, 10);
}

}  // namespace
}  // namespace virga::catalog
