#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/io/workers.h"
#include "virga/services/object/changes.h"
#include "virga/services/object/faults.h"
#include "virga/services/object/file_writer.h"
#include "virga/services/object/reader.h"
#include "virga/services/object/version.h"
#include "virga/store/loop_store.h"
#include "virga/telemetry/metrics.h"

namespace virga::services::object {

// A bucket as it is at a moment. Shared, since requests go on with it while it is changed.
using BucketPointer = std::shared_ptr<const Bucket>;

// What must be so for a change to happen; ConditionFailed else. Looked at when nothing else can change the key.
struct Condition {
  bool must_be_absent = false;
  std::optional<std::string> unwanted_etag;
  // Of the version that is there; NoSuchKey if there is none, or a delete marker. Where it may be absent, a marker is
  // compared as well: it has no ETag and no bytes.
  std::optional<std::string> etag;  // "*": any
  std::optional<std::uint64_t> size;
  std::optional<WallTime> modified;  // to the second
  bool may_be_absent = false;
};

// What is kept with an object's bytes.
struct Description {
  Fields fields;
  Tags tags;
  Checksum checksum;
};

struct ListWanted {
  std::string prefix;
  std::string delimiter;
  std::string after;          // a key or a group
  std::string after_version;  // with `after`: that version of it was the last one
  std::size_t most = 1000;
};
struct Listed {
  std::string key;
  Version version;
  bool is_latest = true;
};
struct ListPage {
  std::vector<Listed> items;
  std::vector<std::string> groups;
  bool is_truncated = false;
  std::string last;          // where the next page begins
  std::string last_version;  // likewise, of lists of versions
};
struct ListedUpload {
  std::string key;
  Upload upload;
};
struct UploadPage {
  std::vector<ListedUpload> items;
  std::vector<std::string> groups;
  bool is_truncated = false;
  std::string last;
  std::string last_upload;
};
struct PartPage {
  Upload upload;
  std::vector<Part> parts;
  bool is_truncated = false;
};

struct Deleted {
  bool is_marker = false;  // a delete marker was made, or was what was deleted
  std::string version;     // "": none had a name
};

// Buckets and objects. The bytes of an object are a file with a random name, complete and synced before the record
// that refers to it is written, in one synced batch: a put happens as a whole or not at all, and what is acknowledged
// survives power loss. Memory holds the buckets, and nothing of their objects. Keys are UTF-8 of 1 to 1024 bytes, and
// have no meaning here. Semantics are AWS S3's (user guide; botocore s3/2006-03-01). One loop.
//
// Errors are those of faults.h, and ResourceExhausted, Unavailable, DataLoss of disk and store.
class Objects {
 public:
  // All outlive it.
  struct Services {
    io::Loop& loop;
    store::LoopStore& store;
    io::Workers& workers;  // of its own: they wait for the disk
    Random& random;
    metrics::Registry& metrics;
  };

  // Makes the folder for the bytes.
  static Result<std::unique_ptr<Objects>> create(Services services, std::string directory);
  ~Objects();
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  void listen(ChangeListener& listener);  // outlives it; at most one
  // Files of objects that went, kept to be written anew. They are removed at the end, or by the start after a crash.
  std::size_t count_spare_files() const;
  // Reads the buckets, for which all calls wait, and then removes files that nothing refers to.
  void serve();
  // After close() nothing more is cleaned up or kept; stop() ends when nothing runs.
  void close();
  io::Task<void> stop();

  // ---- Buckets.
  io::Task<Result<BucketPointer>> bucket(std::string name);
  BucketPointer find_bucket(std::string_view name) const;  // null: there is none, or they are not read yet
  io::Task<Result<std::vector<BucketPointer>>> buckets();  // by name
  io::Task<Result<BucketPointer>> create_bucket(std::string name);
  io::Task<Result<>> delete_bucket(std::string name);
  // What `batch` has happens together with the change.
  io::Task<Result<>> change_bucket(std::string name, std::function<void(Bucket&)> change, store::Batch batch = {});

  // ---- Objects.
  std::unique_ptr<FileWriter> write(std::vector<ChecksumAlgorithm> algorithms);
  // Forgets what a writer has stored, if no record will refer to it.
  void discard(StoredFile file);
  // The file becomes the object's current version.
  io::Task<Result<Version>> put(std::string bucket, std::string key, StoredFile file, Description description,
                                Condition condition, ChangeKind kind, Origin origin);
  // `version` "": the current one. NoSuchKey, NoSuchVersion, DeleteMarker, MarkerNamed.
  io::Task<Result<Version>> find(std::string bucket, std::string key, std::string version);
  // Where its bytes are, of a version that was found. One that is deleted meanwhile can be read to its end.
  io::Task<Result<std::unique_ptr<Reader>>> read(Version version, std::uint64_t offset, std::uint64_t size);
  io::Task<Result<std::vector<Part>>> parts(Version version);
  // The bytes of a version as a new file, without a copy where that is possible.
  io::Task<Result<StoredFile>> duplicate(Version version, std::vector<ChecksumAlgorithm> algorithms);
  io::Task<Result<Deleted>> erase(std::string bucket, std::string key, std::string version, Condition condition,
                                  Origin origin);
  io::Task<Result<Version>> set_tags(std::string bucket, std::string key, std::string version, Tags tags,
                                     ChangeKind kind, Origin origin);

  // ---- Lists.
  io::Task<Result<ListPage>> list(std::string bucket, ListWanted wanted);
  io::Task<Result<ListPage>> list_versions(std::string bucket, ListWanted wanted);

  // ---- Uploads in parts.
  io::Task<Result<Upload>> begin_upload(std::string bucket, std::string key, Upload upload);
  io::Task<Result<Upload>> upload(std::string bucket, std::string key, std::string id);
  io::Task<Result<>> put_part(std::string bucket, std::string key, std::string id, std::uint32_t number,
                              StoredFile file, Checksum checksum);
  // Of each part that is to be in the object: its number, its ETag, and its checksum, or "".
  struct ChosenPart {
    std::uint32_t number = 0;
    std::string etag;
    std::string checksum;
  };
  io::Task<Result<Version>> complete_upload(std::string bucket, std::string key, std::string id,
                                            std::vector<ChosenPart> chosen, Checksum expected, Condition condition,
                                            Origin origin);
  io::Task<Result<>> abort_upload(std::string bucket, std::string key, std::string id);
  io::Task<Result<PartPage>> list_parts(std::string bucket, std::string key, std::string id, std::uint32_t after,
                                        std::size_t most);
  // `after_version` is an upload's id.
  io::Task<Result<UploadPage>> list_uploads(std::string bucket, ListWanted wanted);

 private:
  struct State;
  explicit Objects(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace virga::services::object
