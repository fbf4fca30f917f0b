#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/random.h"
#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::services::object {

// Immutable files with random names, which hold the bytes of objects: DIRECTORY/xx/xx..., where the first two digits
// of the name are the folder. Only what is complete and synced may be referred to by a record. What no record refers to
// is being written, or rubbish of a crash, and removed at some start. Any thread; every call but make_id, path,
// is_of_this_run and open_now blocks on the disk.
class Files {
 public:
  static constexpr unsigned kFolders = 256;

  // Makes the folders. `random` outlives it.
  static Result<Files> open(std::string directory, Random& random);

  std::string make_id();
  std::string path(std::string_view id) const;
  // Files of this process, which may be there before a record refers to them.
  bool is_of_this_run(std::string_view id) const;

  Result<os::Descriptor> create(std::string_view id);
  // A file that nothing refers to any more, to be written from its beginning on: the disk has much less to do than for
  // a new one. Invalid: it cannot be used again, because its bytes have another name, and is removed.
  os::Descriptor reuse(std::string_view id);
  // After this the file, which has `size` bytes, survives power loss under its name.
  enum class Name { New, Synced };
  Result<> sync(const os::Descriptor& file, std::string_view id, std::uint64_t size, Name name);
  // Another name for the same bytes, synced. Unavailable: there can be no more names; copy the bytes.
  Result<> link(std::string_view existing, std::string_view id);
  // NotFound: there is no such file.
  Result<os::Descriptor> open_file(std::string_view id) const;
  // The file, if it can be had without waiting for the disk; null else. Some that were asked for are kept open for
  // those who ask next, until they are removed: opening one takes as long as reading 64 KiB.
  std::shared_ptr<const os::Descriptor> open_now(std::string_view id) const;
  Result<> remove(std::string_view id);  // no error if it is not there
  // The names in one folder, ascending.
  Result<std::vector<std::string>> list(unsigned folder) const;

 private:
  Files(std::string directory, Random& random);
  std::string folder_path(std::string_view id) const;

  struct OpenFiles;

  std::string directory_;
  Random* random_;
  std::shared_ptr<OpenFiles> open_;  // shared by the copies
  std::string run_;                  // hexadecimal digits that all names of this process have
};

// The failure of a call that touched the disk: a full one is ResourceExhausted, so that trying again later is right.
Error disk_error(std::string_view operation, std::string_view subject);

}  // namespace virga::services::object
