// virga-unpack: unpacks the zip in descriptor 3 into a folder (/var/output, or the one argument). The daemon runs it in
// a sandbox of its own, for an archive is the first thing of a stranger's that anything reads at length. Prints one
// line:
//   {"files":3,"directories":1,"symlinks":0,"bytes":1234,"tree":"<64 hexadecimal digits>"}   and exits 0, or
//   virga-unpack: MESSAGE                                                                    and exits 1.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "virga/archive/extract.h"
#include "virga/archive/internal/file_handle.h"
#include "virga/archive/zip.h"
#include "virga/base/problems.h"

namespace {

using virga::archive::internal::fail_call;

constexpr int kArchive = 3;

virga::Result<virga::archive::Extracted> run(const char* output) {
  struct stat status{};
  if (::fstat(kArchive, &status) != 0) return fail_call("look at", "descriptor 3");
  virga::archive::Limits limits;
  std::size_t size = static_cast<std::size_t>(status.st_size);
  std::string_view zip;
  if (size > limits.archive_bytes) {
    return virga::fail(virga::problem::kArchiveTooLarge,
                       fmt::format("zip: the archive is {} bytes, allowed are {}", size, limits.archive_bytes));
  }
  if (size > 0) {
    void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, kArchive, 0);
    if (bytes == MAP_FAILED) return fail_call("map", "descriptor 3");
    zip = std::string_view(static_cast<const char*>(bytes), size);
  }
  VIRGA_TRY_ASSIGN(virga::archive::Listing listing, virga::archive::inspect(zip, limits));
  virga::archive::internal::FileHandle directory(::open(output, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return fail_call("open folder", output);
  return virga::archive::extract(zip, listing, directory.get());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2) {
    std::puts("virga-unpack: too many arguments; usage: virga-unpack [FOLDER] 3<ARCHIVE.zip");
    return 1;
  }
  virga::Result<virga::archive::Extracted> done = run(argc == 2 ? argv[1] : "/var/output");
  if (!done) {
    std::printf("virga-unpack: %s\n", done.error().message().c_str());
    return 1;
  }
  std::puts(fmt::format(R"({{"files":{},"directories":{},"symlinks":{},"bytes":{},"tree":"{}"}})", done->files,
                        done->directories, done->symlinks, done->bytes, done->tree_hash)
                .c_str());
  return std::fflush(stdout) == 0 ? 0 : 1;
}
