#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virga/io/task_group.h"
#include "virga/os/file.h"
#include "virga/services/object/objects.h"
#include "virga/store/testing/direct_loop_store.h"
#include "virga/store/testing/memory_store.h"

namespace virga::services::object::testing {

// Buckets and objects on a store in memory and a folder of their own, with a loop that runs only while something is
// asked.
class ObjectWorld {
 public:
  ObjectWorld() { start(); }
  ~ObjectWorld() { stop(); }
  ObjectWorld(const ObjectWorld&) = delete;
  ObjectWorld& operator=(const ObjectWorld&) = delete;

  void start() {
    registry.emplace();
    auto created = Objects::create({*loop, store, *workers, system_random(), *registry}, folder.path() + "/objects");
    ASSERT_TRUE(created) << created.error().message();
    objects = std::move(*created);
    objects->serve();
    ASSERT_TRUE(wait(objects->buckets()));
  }
  void stop() {
    if (objects == nullptr) return;
    objects->close();
    io::run_until_done(*loop, objects->stop());
    objects.reset();
    // What was left to workers is done.
    workers.emplace(2);
  }
  void restart() {
    stop();
    start();
  }

  template <typename T>
  T wait(io::Task<T> task) {
    std::optional<T> place;
    io::run_until_done(*loop, keep(std::move(task), place));
    return std::move(*place);
  }

  StoredFile write(const std::string& bytes, std::vector<ChecksumAlgorithm> algorithms = {}) {
    auto writer = objects->write(std::move(algorithms));
    EXPECT_TRUE(wait(writer->write(bytes)));
    auto file = wait(writer->finish());
    EXPECT_TRUE(file);
    return file.value_or(StoredFile());
  }
  Result<Version> put(const std::string& key, const std::string& bytes, Condition condition = {}) {
    return wait(objects->put("bucket", key, write(bytes), {}, std::move(condition), ChangeKind::Put, {}));
  }
  Result<Version> find(const std::string& key, const std::string& version = "") {
    return wait(objects->find("bucket", key, version));
  }
  std::string read(Result<Version> version, std::uint64_t offset = 0, std::uint64_t size = UINT64_MAX) {
    if (!version) return version.error().message();
    auto reader = wait(objects->read(*version, offset, size));
    if (!reader) return reader.error().message();
    std::string all;
    while (true) {
      auto bytes = wait((*reader)->next());
      if (!bytes) return bytes.error().message();
      if (bytes->empty()) return all;
      all += *bytes;
    }
  }
  std::string read(const std::string& key) { return read(find(key)); }
  Result<Deleted> erase(const std::string& key, const std::string& version = "") {
    return wait(objects->erase("bucket", key, version, {}, {}));
  }
  void set_versioning(Versioning versioning) {
    ASSERT_TRUE(wait(objects->change_bucket("bucket", [versioning](Bucket& one) { one.versioning = versioning; })));
  }
  // Keys, and "(GROUP)"; "..." if there is more.
  std::vector<std::string> list(ListWanted wanted = {}) {
    auto page = wait(objects->list("bucket", std::move(wanted)));
    return page ? texts(*page, [](const Listed& item) { return item.key; }) : std::vector<std::string>{"error"};
  }
  // "KEY=SIZE" of each version, "KEY!" of delete markers; with '*' behind the latest.
  std::vector<std::string> list_versions(ListWanted wanted = {}) {
    auto page = wait(objects->list_versions("bucket", std::move(wanted)));
    if (!page) return {"error"};
    return texts(*page, [](const Listed& item) {
      auto text = item.key + (item.version.is_marker ? "!" : "=" + std::to_string(item.version.size));
      return text + (item.is_latest ? "*" : "");
    });
  }
  // Where the bytes of an object lie that was put at once.
  std::string file_of(const std::string& key) {
    auto id = find(key)->body.id;
    return folder.path() + "/objects/" + id.substr(0, 2) + "/" + id;
  }
  // Of objects, on the disk, once nothing is left to be done; without those that are kept to be written anew.
  std::size_t count_files() {
    workers.emplace(2);
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path() + "/objects")) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count - objects->count_spare_files();
  }

  os::TemporaryDirectory folder = std::move(*os::TemporaryDirectory::create());
  std::unique_ptr<io::Loop> loop = io::Loop::create().value();
  std::optional<io::Workers> workers{2};
  store::testing::MemoryStore memory;
  store::testing::DirectLoopStore store{memory};
  std::optional<metrics::Registry> registry;
  std::unique_ptr<Objects> objects;

 private:
  template <typename T>
  static io::Task<void> keep(io::Task<T> task, std::optional<T>& place) {
    place.emplace(co_await std::move(task));
  }
  template <typename Show>
  static std::vector<std::string> texts(const ListPage& page, Show show) {
    std::vector<std::string> out;
    for (const auto& item : page.items) out.push_back(show(item));
    for (const auto& group : page.groups) out.push_back("(" + group + ")");
    if (page.is_truncated) out.emplace_back("...");
    return out;
  }
};

}  // namespace virga::services::object::testing
