#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/services/object/version.h"
#include "virga/store/store.h"

namespace virga::services::object {

enum class ChangeKind { Put, Post, Copy, CompleteUpload, Delete, PutDeleteMarker, PutTags, DeleteTags };

// Who asked for a change, for those who are told of it.
struct Origin {
  std::string address;  // of the client
  std::string access_key;
  std::string request_id;
};

struct Change {
  ChangeKind kind;
  const Bucket& bucket;
  std::string_view key;
  const Version& version;  // what is there after it; of Delete: what was removed
  WallTime time;
  const Origin& origin;
};

// Is told of each change before it is written, in the order of the changes of a key. One loop.
class ChangeListener {
 public:
  virtual ~ChangeListener() = default;
  // What is added to the batch happens together with the change, or not at all. What is answered is called once the
  // batch is on the disk.
  virtual std::vector<std::function<void()>> changing(const Change& change, store::Batch& batch) = 0;
};

}  // namespace virga::services::object
