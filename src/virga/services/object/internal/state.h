#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "virga/io/event.h"
#include "virga/io/task_group.h"
#include "virga/services/object/internal/key_locks.h"
#include "virga/services/object/internal/keys.h"
#include "virga/services/object/internal/recent.h"
#include "virga/services/object/internal/spare_files.h"
#include "virga/services/object/objects.h"

namespace virga::services::object {

// A bucket in memory, with those who change something in it: it cannot be deleted under them.
struct BucketPlace {
  BucketPointer bucket;
  std::size_t changes = 0;
  bool is_ending = false;
};

// A change of something in a bucket that is under way.
class [[nodiscard]] BucketChange {
 public:
  BucketChange(std::shared_ptr<BucketPlace> place, io::Event& ended) : place_(std::move(place)), ended_(&ended) {
    ++place_->changes;
  }
  BucketChange(BucketChange&& other) noexcept = default;
  BucketChange& operator=(BucketChange&& other) noexcept {
    std::swap(place_, other.place_);
    std::swap(ended_, other.ended_);
    return *this;
  }
  ~BucketChange() {
    if (place_ == nullptr) return;
    if (--place_->changes == 0) ended_->set();
  }
  BucketPointer bucket() const { return place_->bucket; }

 private:
  std::shared_ptr<BucketPlace> place_;
  io::Event* ended_;
};

// What a change makes superfluous: its records go with the change, its files when that is on the disk.
struct Doomed {
  Body body;
  std::uint64_t size = 0;  // of the body
  std::vector<std::string> files;
};
void remove_records(const Doomed& doomed, store::Batch& batch);

struct Objects::State {
  static constexpr std::size_t kMostRecent = 4096;  // versions, of some 500 bytes each

  State(Services s, Files f)
      : services(s),
        files(std::move(f)),
        loaded(s.loop),
        change_ended(s.loop),
        locks(s.loop),
        tasks(s.loop),
        recent(kMostRecent),
        written_bytes(s.metrics.counter("virga_object_written_bytes_total",
                                        "Bytes of objects and parts that were put, "
                                        "those included that were refused in the end.")),
        read_bytes(s.metrics.counter("virga_object_read_bytes_total", "Bytes of objects that were read.")) {
    s.metrics.gauge_from("virga_object_buckets", "Buckets that there are.",
                         [this] { return static_cast<double>(places.size()); });
    s.metrics.gauge_from("virga_object_spare_files", "Files of objects that went, kept to be written anew.",
                         [this] { return static_cast<double>(spare.count()); });
  }

  Services services;
  Files files;
  ChangeListener* listener = nullptr;
  std::map<std::string, std::shared_ptr<BucketPlace>, std::less<>> places;  // shared with changes under way
  io::Event loaded;
  Result<> load_result;
  io::Event change_ended;
  internal::KeyLocks locks;
  io::TaskGroup tasks;
  internal::RecentVersions recent;
  internal::SpareFiles spare;
  metrics::Counter& written_bytes;
  metrics::Counter& read_bytes;
  bool is_closing = false;
  std::uint64_t last_sequence = 0;
  std::unordered_map<std::string, std::size_t> held;  // bodies that are read, and by how many
  std::unordered_map<std::string, Doomed> dying;      // those that go when nobody reads them
  // Of those that go, or will at once: for who found the version before, and its record of the parts no more.
  std::unordered_map<std::string, std::vector<Part>> doomed_parts;

  io::Task<Result<>> wait_until_loaded();
  io::Task<Result<BucketPointer>> bucket(std::string name);
  // The bucket for a change of something in it.
  io::Task<Result<BucketChange>> enter(std::string name);

  io::Task<void> load();
  io::Task<void> clean_up();
  io::Task<Result<>> clean_folder(unsigned folder);

  std::uint64_t next_sequence(const std::optional<Version>& current);
  std::string random_text(std::size_t digits);

  io::Task<Result<std::optional<Version>>> current(std::string bucket_id, std::string key);
  io::Task<Result<Version>> find_once(std::string bucket_id, std::string key, std::string version);
  struct Older {
    Version version;
    std::string store_key;
  };
  // The newest version of a key that is not the current one.
  io::Task<Result<std::optional<Older>>> newest_older(std::string bucket_id, std::string key);
  io::Task<Result<std::optional<Older>>> older(std::string bucket_id, std::string key, std::string version);

  io::Task<Result<Doomed>> doom(Body body, std::uint64_t size);
  // After the commit. The files go when nobody reads them any more.
  void forget(Doomed doomed);
  void let_go(Doomed doomed);  // nobody reads them
  void remove_files(std::vector<std::string> ids);
  std::shared_ptr<void> hold(const Body& body);
  void drop(const std::string& body_id);

  struct Placing {
    Version version;
    Condition condition;
    ChangeKind kind = ChangeKind::Put;
    Origin origin;
    store::Batch batch;  // what happens together with it
  };
  // Makes it the current version. The caller holds the lock of the key.
  io::Task<Result<Version>> place(BucketChange& change, std::string key, Placing placing);
  // The commit of a change of the current version of a key, or of older ones.
  io::Task<Result<>> commit(std::string current_key, store::Batch batch);
  void tell(ChangeKind kind, const Bucket& bucket, std::string_view key, const Version& version, const Origin& origin,
            store::Batch& batch, std::vector<std::function<void()>>& afterwards);

  io::Task<Result<Deleted>> erase_version(BucketChange& change, std::string key, std::string version,
                                          Condition condition, Origin origin);
  io::Task<Result<Upload>> find_upload(std::string bucket_id, std::string key, std::string id);
  io::Task<Result<std::vector<Part>>> uploaded_parts(std::string id);
};

Result<> check_key(std::string_view key);
Result<> check_condition(const Condition& condition, const std::optional<Version>& current);
std::string lock_name(const Bucket& bucket, std::string_view key);

}  // namespace virga::services::object
