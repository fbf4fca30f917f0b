#include "virga/server/paths.h"

#include <filesystem>

#include "virga/base/problems.h"

namespace virga::server {

namespace fs = std::filesystem;

Result<std::string> find_runtimes(const std::string& given) {
  std::error_code error;
  if (!given.empty()) {
    auto path = fs::canonical(given, error);
    if (error) return fail(problem::kNoRuntimes, "--runtimes " + given + ": " + error.message());
    return path.string();
  }
  auto program = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::Internal, "cannot find where this program lies: " + error.message());
  std::string tried;
  for (auto folder = program.parent_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    for (const char* place : {"share/virga/runtimes", "runtimes"}) {
      auto candidate = folder / place;
      if (fs::exists(candidate / "node" / "runtime.json", error)) return candidate.string();
    }
    tried += (tried.empty() ? "" : ", ") + folder.string();
  }
  return fail(problem::kNoRuntimes, "the runtimes/ folder is not beside the program (looked from " + tried +
                                        "): name it with --runtimes DIR");
}

}  // namespace virga::server
