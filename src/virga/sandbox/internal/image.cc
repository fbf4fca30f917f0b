#include "virga/sandbox/internal/image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "virga/os/errno.h"
#include "virga/os/file.h"

namespace virga::sandbox {

Result<os::Descriptor> sealed_image(const char* name, std::string_view content, unsigned mode) {
  constexpr unsigned kMayRun = 0x10;  // MFD_EXEC, asked for since Linux 6.3 and unknown before
  os::Descriptor file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kMayRun));
  if (!file.valid() && errno == EINVAL) file = os::Descriptor(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return os::fail_errno("memfd_create", name);
  while (!content.empty()) {
    ssize_t size = ::write(file.get(), content.data(), content.size());
    if (size <= 0) return os::fail_errno("write", name);
    content.remove_prefix(static_cast<std::size_t>(size));
  }
  if (::fchmod(file.get(), mode) != 0) return os::fail_errno("fchmod", name);
  VIRGA_TRY(os::seal(file, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, name));
  return file;
}

}  // namespace virga::sandbox
