#pragma once

#include <string>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::store {

// Holds a data folder for one process, by a lock on FOLDER/virga.lock that the kernel drops when the process ends,
// however it ends. Released by the destructor.
class [[nodiscard]] DataLock {
 public:
  // Makes the folder (mode 0700) if need be. Conflict says who holds it and what to do.
  static Result<DataLock> acquire(const std::string& folder);

 private:
  explicit DataLock(os::Descriptor file) : file_(std::move(file)) {}
  os::Descriptor file_;
};

}  // namespace virga::store
