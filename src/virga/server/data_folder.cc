#include "virga/server/data_folder.h"

#include "virga/base/problems.h"
#include "virga/os/file.h"
#include "virga/store/data_lock.h"

namespace virga::server {

namespace {

Error refused(const std::string& path, const Error& error) {
  if (is_numbered(error.message())) return error;
  if (error.code() == ErrorCode::ResourceExhausted) {
    return problem_error(problem::kDiskFull, "the data folder " + path + " cannot be made (" + error.message() +
                                                 "); make room on its disk");
  }
  return problem_error(problem::kDataFolderRefused, "the data folder " + path + " cannot be used (" + error.message() +
                                                        "); name another with --data DIR, or give it to this user");
}

}  // namespace

Result<> prepare_data_folder(const std::string& path) {
  if (auto made = os::make_directories(path, 0700); !made) return fail(refused(path, made.error()));
  if (auto lock = store::DataLock::acquire(path); !lock) return fail(refused(path, lock.error()));
  return {};
}

}  // namespace virga::server
